"""Workspaces being made, and which of them may know an e-mail address."""

import uuid
from typing import ClassVar

import django.utils.timezone
from django.db import migrations, models

from tenants.backend.grants import tenant_rows_sql

STATES = [
    ("waiting", "Waiting"),
    ("ready", "In use, resources in AWS follow"),
    ("done", "Complete"),
]
# What a visitor of the public host may be told: how far it is, and never whose it is.
PUBLIC_READS = "tenant_id, slug, host, owner_id, state, error, ready_at"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0003_offboarding")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Onboarding",
            fields=[
                (
                    "tenant_id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("slug", models.CharField(max_length=40, unique=True)),
                ("name", models.CharField(max_length=120)),
                ("host", models.CharField(max_length=253)),
                ("plan", models.CharField(max_length=40)),
                ("posture", models.CharField(max_length=20)),
                ("region", models.CharField(max_length=20)),
                ("retrieval", models.CharField(max_length=20)),
                ("owner_id", models.UUIDField(default=uuid.uuid4)),
                ("owner_email", models.EmailField(max_length=254)),
                ("owner_name", models.CharField(blank=True, max_length=120)),
                ("password", models.CharField(blank=True, max_length=128)),
                ("signed_up", models.BooleanField(default=False)),
                ("state", models.CharField(choices=STATES, default="waiting", max_length=10)),
                ("done", models.JSONField(default=dict)),
                ("error", models.TextField(blank=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("requested_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ready_at", models.DateTimeField(null=True)),
            ],
            options={"ordering": ["-requested_at"]},
        ),
        migrations.CreateModel(
            name="AddressEntry",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id",
                        "digest",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("digest", models.BinaryField(db_index=True, max_length=32)),
            ],
        ),
        migrations.RunSQL(
            tenant_rows_sql("registry_onboarding", rights="SELECT")
            + tenant_rows_sql("registry_addressentry", rights="SELECT, INSERT, DELETE")
            + f"""
            CREATE POLICY public_asks ON registry_onboarding FOR INSERT TO app_public
                WITH CHECK (state = 'waiting' AND signed_up);
            CREATE POLICY public_reads ON registry_onboarding FOR SELECT TO app_public USING (true);
            GRANT INSERT, SELECT ({PUBLIC_READS}) ON registry_onboarding TO app_public;
            CREATE POLICY public_looks ON registry_addressentry
                FOR SELECT TO app_public USING (true);
            GRANT SELECT ON registry_addressentry TO app_public;
            """,
            "REVOKE ALL ON registry_onboarding, registry_addressentry"
            " FROM tenant, staff, ops, app_public;",
        ),
    ]
