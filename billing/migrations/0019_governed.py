"""Edits of plans, prices and quotas move the number by which processes know what they keep."""

from typing import ClassVar

from django.db import migrations

TABLES = (
    "billing_plan",
    "billing_planlimit",
    "billing_price",
    "billing_regionquota",
)
GOVERNED = """
    CREATE CONSTRAINT TRIGGER governed AFTER INSERT OR UPDATE OR DELETE ON {0}
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_governed();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("billing", "0018_quicker_settlement"),
        ("registry", "0009_own_row"),
    ]
    operations: ClassVar = [
        migrations.RunSQL(GOVERNED.format(table), f"DROP TRIGGER governed ON {table}")
        for table in TABLES
    ]
