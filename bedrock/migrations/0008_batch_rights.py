"""Rights on batch jobs, the plans' first rules, and the second embedding model to choose from."""

from typing import Any, ClassVar

from django.db import migrations

from tenants.backend.grants import shared_rows_sql, tenant_rows_sql

# A trial is for trying out: its few documents are wanted at once.
RULES = {"trial": False, "growth": True, "enterprise": True}
COHERE = {
    "name": "Cohere Embed v4",
    "context_window": 128_000,
    "max_output": 0,
    "dimensions": 512,
    "letters_per_token": "2.00",
}


def load(apps: Any, schema_editor: Any) -> None:
    rule, model = (apps.get_model("bedrock", name) for name in ("BatchRule", "Model"))
    for plan, allowed in RULES.items():
        rule.objects.get_or_create(plan=plan, defaults={"allowed": allowed})
    model.objects.get_or_create(model_id="cohere.embed-v4:0", defaults=COHERE)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("bedrock", "0007_batch_jobs")]
    operations: ClassVar = [
        migrations.RunSQL(shared_rows_sql("bedrock_batchrule"), migrations.RunSQL.noop),
        migrations.RunSQL(tenant_rows_sql("bedrock_batchjob"), migrations.RunSQL.noop),
        migrations.RunPython(load, migrations.RunPython.noop),
    ]
