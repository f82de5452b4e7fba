"""How each workspace is, for staff; indexes for their list; a set-up that staff have done anew."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from tenants.backend.grants import tenant_rows_sql


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0010_staff_factors")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="TenantHealth",
            fields=[
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="health",
                        serialize=False,
                        to="registry.tenant",
                    ),
                ),
                ("checked_at", models.DateTimeField()),
                (
                    "level",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "Fine"), (1, "Look"), (2, "Bad")], db_index=True, default=0
                    ),
                ),
                ("problems", models.JSONField(default=list)),
                ("figures", models.JSONField(default=dict)),
            ],
            options={
                "verbose_name": "workspace's health",
                "verbose_name_plural": "workspaces' health",
                "ordering": ["-level", "tenant"],
            },
        ),
        *[
            migrations.AddIndex(
                "tenant", models.Index(fields=[name, "slug"], name=f"tenants_by_{name}")
            )
            for name in ("status", "plan", "posture", "region")
        ],
        migrations.RunSQL(
            tenant_rows_sql("registry_tenanthealth")
            + """
            CREATE INDEX registry_health_problems ON registry_tenanthealth
                USING gin (problems jsonb_path_ops);
            CREATE INDEX registry_tenant_slug_begins ON registry_tenant
                (upper(slug) varchar_pattern_ops);
            CREATE INDEX registry_tenant_name_begins ON registry_tenant
                (upper(name) varchar_pattern_ops);
            GRANT UPDATE (state, done, attempts, error) ON registry_onboarding TO staff;
            """,
            migrations.RunSQL.noop,
        ),
    ]
