"""Moves between retrieval targets that staff ask for, with their progress."""

import uuid
from typing import ClassVar

import django.db.models.functions.datetime
from django.db import migrations, models

from tenants.backend.grants import tenant_rows_sql

NOW = django.db.models.functions.datetime.Now()
TARGETS = [
    ("schema", "Own schema"),
    ("kb_shared", "Shared Knowledge Base"),
    ("kb_dedicated", "Dedicated Knowledge Base"),
]
STATES = [
    ("waiting", "Waiting"),
    ("running", "Moving"),
    ("failed", "Stopped"),
    ("done", "Moved"),
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0007_isolation_checks")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Relocation",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("target", models.CharField(choices=TARGETS, max_length=20)),
                ("state", models.CharField(choices=STATES, default="waiting", max_length=8)),
                ("passages", models.PositiveIntegerField(default=0)),
                ("left", models.PositiveIntegerField(default=0)),
                ("error", models.TextField(blank=True)),
                ("asked_by", models.UUIDField()),
                ("asked_at", models.DateTimeField(db_default=NOW)),
                ("changed_at", models.DateTimeField(db_default=NOW)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={"ordering": ["-asked_at"]},
        ),
        migrations.AddConstraint(
            model_name="relocation",
            constraint=models.UniqueConstraint(
                condition=models.Q(state="waiting") | models.Q(state="running"),
                fields=("tenant_id",),
                name="one_relocation_at_a_time",
            ),
        ),
        # Staff ask; the workspace's own tasks say how far they are.
        migrations.RunSQL(
            tenant_rows_sql("registry_relocation", rights="SELECT, UPDATE")
            + "GRANT INSERT ON registry_relocation TO staff;",
            "REVOKE ALL ON registry_relocation FROM tenant, staff, ops;",
        ),
    ]
