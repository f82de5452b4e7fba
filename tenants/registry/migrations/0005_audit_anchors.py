"""Digests of the workspaces' audit seals, out of the workspaces' own reach."""

import uuid
from typing import ClassVar

from django.db import migrations, models

from tenants.backend.grants import tenant_rows_sql


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0004_onboarding")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="AuditAnchor",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("number", models.PositiveIntegerField()),
                ("digest", models.CharField(max_length=64)),
                ("at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["tenant_id", "number"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "number"), name="one_anchor_a_seal"
                    )
                ],
            },
        ),
        migrations.RunSQL(
            tenant_rows_sql("registry_auditanchor", rights="SELECT, INSERT"),
            "REVOKE ALL ON registry_auditanchor FROM tenant, staff, ops",
        ),
    ]
