"""Documents that were set aside: their workspaces note them, staff read."""

import uuid
from typing import ClassVar

from django.db import migrations, models
from django.db.models.functions import Now

from tenants.backend.grants import tenant_rows_sql

STATES = [("open", "Set aside"), ("released", "Read again"), ("deleted", "Deleted")]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0012_dead_tasks")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="QuarantinedDocument",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("document_id", models.UUIDField()),
                ("name", models.TextField()),
                ("code", models.CharField(max_length=60)),
                ("media_type", models.CharField(max_length=120)),
                ("size", models.BigIntegerField(help_text="Bytes.")),
                ("at", models.DateTimeField(db_default=Now())),
                ("state", models.CharField(choices=STATES, default="open", max_length=8)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={"ordering": ["-at"]},
        ),
        migrations.AddIndex(
            "quarantineddocument",
            models.Index(fields=["state", "-at"], name="quarantine_by_state"),
        ),
        migrations.AddIndex(
            "quarantineddocument",
            models.Index(fields=["tenant_id", "document_id"], name="quarantine_of_document"),
        ),
        migrations.AddConstraint(
            "quarantineddocument",
            models.UniqueConstraint(
                condition=models.Q(state="open"),
                fields=("tenant_id", "document_id"),
                name="one_quarantine_a_document",
            ),
        ),
        migrations.RunSQL(tenant_rows_sql("registry_quarantineddocument"), migrations.RunSQL.noop),
    ]
