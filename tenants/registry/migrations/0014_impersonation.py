"""Visits of staff: staff begin them, workspaces allow, see and end them."""

import uuid
from typing import ClassVar

from django.db import migrations, models
from django.db.models.functions import Now

from tenants.backend.grants import tenant_rows_sql

ACCESS = [
    ("none", "Not at all"),
    ("read", "Look, and change nothing"),
    ("write", "Look, and do what a member does"),
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0013_quarantine")]
    operations: ClassVar = [
        migrations.AddField(
            "datapolicy",
            "staff_access",
            models.CharField(
                choices=ACCESS,
                db_default="none",
                default="none",
                help_text="Whether staff may look at the workspace as one of its members.",
                max_length=5,
            ),
        ),
        migrations.CreateModel(
            name="Impersonation",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("user_id", models.UUIDField(help_text="The member whose place staff take.")),
                ("staff_id", models.UUIDField(db_index=True)),
                ("reason", models.CharField(max_length=500)),
                (
                    "writes",
                    models.BooleanField(
                        default=False, help_text="The workspace lets staff change things."
                    ),
                ),
                ("started_at", models.DateTimeField(db_default=Now())),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-started_at"],
                "verbose_name": "visit of staff",
                "verbose_name_plural": "visits of staff",
            },
        ),
        migrations.AddIndex(
            "impersonation",
            models.Index(fields=["tenant_id", "-started_at"], name="visits_of_tenant"),
        ),
        migrations.RunSQL(
            tenant_rows_sql("registry_impersonation", rights="SELECT")
            + """
            GRANT UPDATE (ended_at) ON registry_impersonation TO tenant;
            GRANT INSERT ON registry_impersonation TO staff;
            GRANT UPDATE (ended_at) ON registry_impersonation TO staff;
            """,
            migrations.RunSQL.noop,
        ),
    ]
