"""Moves of workspaces to other Regions, with their progress."""

import uuid
from typing import ClassVar

import django.db.models.functions.datetime
from django.db import migrations, models

from tenants.backend.grants import tenant_rows_sql

NOW = django.db.models.functions.datetime.Now()
STATES = [
    ("waiting", "Waiting"),
    ("running", "Moving"),
    ("stopped", "Stopped"),
    ("refused", "Refused"),
    ("done", "Moved"),
    ("given_up", "Given up"),
]
# Staff ask for one, let it go on or give it up; what it does is the owner's login's to say.
STAFF = """
    GRANT INSERT ON registry_regionmove TO staff;
    GRANT UPDATE (state, back, error, asked_by, changed_at) ON registry_regionmove TO staff;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0017_visited_member")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="RegionMove",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("origin", models.CharField(max_length=20)),
                ("target", models.CharField(max_length=20)),
                ("state", models.CharField(choices=STATES, default="waiting", max_length=8)),
                ("back", models.BooleanField(default=False)),
                ("step", models.TextField(blank=True, help_text="What was done last.")),
                ("error", models.TextField(blank=True)),
                ("prepared", models.BooleanField(default=False)),
                ("copied", models.TextField(blank=True)),
                ("asked_by", models.UUIDField(null=True)),
                ("asked_at", models.DateTimeField(db_default=NOW)),
                ("begun_at", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField(db_default=NOW)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-asked_at"],
                "indexes": [
                    models.Index(fields=["tenant_id", "-asked_at"], name="region_moves_newest")
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="regionmove",
            constraint=models.UniqueConstraint(
                condition=models.Q(state__in=["waiting", "running", "stopped"]),
                fields=("tenant_id",),
                name="one_region_move_at_a_time",
            ),
        ),
        migrations.RunSQL(
            tenant_rows_sql("registry_regionmove", rights="SELECT") + STAFF,
            "REVOKE ALL ON registry_regionmove FROM tenant, staff, ops;",
        ),
    ]
