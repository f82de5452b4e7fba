"""Workspaces on their way out, and the audit that outlives them."""

import uuid
from typing import ClassVar

import django.db.models.functions.datetime
from django.db import migrations, models

from tenants.backend.grants import tenant_rows_sql

STATES = [
    ("waiting", "Waiting"),
    ("running", "Being erased"),
    ("done", "Erased"),
    ("cancelled", "Cancelled"),
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0002_rights")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Offboarding",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("slug", models.CharField(max_length=40)),
                ("requested_by", models.UUIDField(null=True)),
                (
                    "requested_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("due_at", models.DateTimeField()),
                ("state", models.CharField(choices=STATES, default="waiting", max_length=10)),
                ("erased", models.JSONField(default=dict)),
                ("error", models.TextField(blank=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("receipt", models.JSONField(null=True)),
                ("signature", models.CharField(blank=True, max_length=120)),
            ],
            options={"ordering": ["-requested_at"]},
        ),
        migrations.AddConstraint(
            model_name="offboarding",
            constraint=models.UniqueConstraint(
                condition=models.Q(state="waiting") | models.Q(state="running"),
                fields=("tenant_id",),
                name="one_offboarding_at_a_time",
            ),
        ),
        migrations.CreateModel(
            name="AuditArchive",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("tenant_id", models.UUIDField()),
                ("number", models.BigIntegerField(help_text="The row's id in the workspace.")),
                ("event", models.JSONField()),
                (
                    "seal",
                    models.CharField(
                        help_text="SHA-256 of the seal before and the event.", max_length=64
                    ),
                ),
            ],
            options={"ordering": ["tenant_id", "number"]},
        ),
        migrations.AddConstraint(
            model_name="auditarchive",
            constraint=models.UniqueConstraint(
                fields=("tenant_id", "number"), name="one_row_an_event"
            ),
        ),
        migrations.RunSQL(
            tenant_rows_sql("registry_offboarding")
            + "ALTER TABLE registry_auditarchive ENABLE ROW LEVEL SECURITY;"
            "CREATE POLICY staff_rows ON registry_auditarchive TO staff USING (true);"
            "GRANT SELECT ON registry_auditarchive TO staff;",
            "REVOKE ALL ON registry_offboarding, registry_auditarchive FROM tenant, staff, ops;",
        ),
    ]
