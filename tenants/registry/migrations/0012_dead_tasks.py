"""Tasks that failed for good: each login notes its own, staff decide."""

import uuid
from typing import ClassVar

from django.db import migrations, models
from django.db.models.functions import Now

from tenants.backend.grants import tenant_rows_sql


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0011_tenant_health")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="DeadTask",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField(null=True)),
                ("task", models.CharField(max_length=100)),
                ("queue", models.CharField(max_length=40)),
                ("arguments", models.JSONField(default=dict)),
                ("error", models.CharField(max_length=100)),
                ("attempts", models.PositiveIntegerField()),
                ("times", models.PositiveIntegerField(db_default=1, default=1)),
                ("fingerprint", models.CharField(max_length=64)),
                ("first_at", models.DateTimeField(db_default=Now())),
                ("at", models.DateTimeField(db_default=Now(), db_index=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("retried", "Tried again"),
                            ("discarded", "Discarded"),
                        ],
                        default="open",
                        max_length=9,
                    ),
                ),
                ("decided_by", models.UUIDField(null=True)),
                ("decided_at", models.DateTimeField(null=True)),
            ],
            options={"ordering": ["-at"]},
        ),
        migrations.AddIndex(
            "deadtask", models.Index(fields=["state", "-at"], name="dead_tasks_by_state")
        ),
        migrations.AddIndex(
            "deadtask", models.Index(fields=["tenant_id", "-at"], name="dead_tasks_of_tenant")
        ),
        migrations.AddConstraint(
            "deadtask",
            models.UniqueConstraint(
                condition=models.Q(state="open"),
                fields=("fingerprint",),
                name="one_open_row_a_failure",
            ),
        ),
        migrations.RunSQL(
            tenant_rows_sql("registry_deadtask")
            + """
            CREATE POLICY public_notes ON registry_deadtask TO app_public
                USING (tenant_id IS NULL) WITH CHECK (tenant_id IS NULL);
            GRANT SELECT, INSERT, UPDATE ON registry_deadtask TO app_public;
            GRANT UPDATE (state, decided_by, decided_at) ON registry_deadtask TO staff;
            """,
            migrations.RunSQL.noop,
        ),
    ]
