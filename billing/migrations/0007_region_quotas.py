"""What AWS lets all tenants of a Region use together."""

from typing import Any, ClassVar

from django.db import migrations, models

from tenants.backend.grants import shared_rows_sql

SOURCE = "AWS service quotas, 2025: not adjustable"
UNITS = {"": 25, "us-east-1": 200, "us-west-2": 200}


def load(apps: Any, schema_editor: Any) -> None:
    quota = apps.get_model("billing", "RegionQuota")
    for region, units in UNITS.items():
        values = {"guardrail_units_per_second": units, "source": SOURCE}
        quota.objects.get_or_create(region=region, defaults=values)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("billing", "0006_patient_reservations")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="RegionQuota",
            fields=[
                (
                    "region",
                    models.CharField(blank=True, max_length=20, primary_key=True, serialize=False),
                ),
                (
                    "guardrail_units_per_second",
                    models.PositiveIntegerField(
                        default=25,
                        help_text="Text units a second of one guardrail policy; AWS does not"
                        " raise it.",
                    ),
                ),
                (
                    "burst_seconds",
                    models.PositiveSmallIntegerField(
                        default=4,
                        help_text="Seconds' worth that may be used at once after a pause.",
                    ),
                ),
                ("source", models.CharField(blank=True, max_length=200)),
            ],
            options={"ordering": ["region"]},
        ),
        migrations.RunSQL(shared_rows_sql("billing_regionquota"), migrations.RunSQL.noop),
        migrations.RunPython(load, migrations.RunPython.noop),
    ]
