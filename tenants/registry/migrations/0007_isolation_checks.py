"""What the isolation self-test found, by workspace."""

import uuid
from typing import ClassVar

from django.db import migrations, models
from django.db.models.functions import Now

from tenants.backend.grants import tenant_rows_sql


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0006_data_policy")]
    operations: ClassVar = [
        migrations.CreateModel(
            "IsolationCheck",
            [
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("at", models.DateTimeField(db_default=Now())),
                ("passed", models.BooleanField()),
                ("lines", models.JSONField(default=list)),
                ("encryption", models.CharField(blank=True, max_length=40)),
            ],
            options={
                "ordering": ["-at"],
                "indexes": [
                    models.Index(fields=["tenant_id", "-at"], name="isolation_checks_newest")
                ],
            },
        ),
        migrations.RunSQL(
            tenant_rows_sql("registry_isolationcheck", rights="SELECT, INSERT"),
            migrations.RunSQL.noop,
        ),
    ]
