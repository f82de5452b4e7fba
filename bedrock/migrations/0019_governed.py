"""Edits of models, guardrails, routes and rules move the number of what processes keep."""

from typing import ClassVar

from django.db import migrations

TABLES = (
    "bedrock_model",
    "bedrock_inferenceprofile",
    "bedrock_provisionedmodel",
    "bedrock_guardrail",
    "bedrock_routepolicy",
    "bedrock_safetyrules",
    "bedrock_assistantsettings",
    "bedrock_tier",
    "bedrock_reranker",
    "bedrock_knowledgebase",
)
GOVERNED = """
    CREATE CONSTRAINT TRIGGER governed AFTER INSERT OR UPDATE OR DELETE ON {0}
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_governed();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("bedrock", "0018_failures_by_time"),
        ("registry", "0009_own_row"),
    ]
    operations: ClassVar = [
        migrations.RunSQL(GOVERNED.format(table), f"DROP TRIGGER governed ON {table}")
        for table in TABLES
    ]
