"""A workspace's name, instructions, language, models and features of its assistant."""

import uuid
from typing import ClassVar

import django.db.models.functions.datetime
from django.db import migrations, models

from tenants.backend.grants import tenant_rows_sql


class Migration(migrations.Migration):
    dependencies: ClassVar = [("bedrock", "0015_postures")]
    operations: ClassVar = [
        migrations.CreateModel(
            "AssistantSettings",
            [
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("version", models.PositiveIntegerField()),
                ("name", models.CharField(blank=True, max_length=40)),
                ("instructions", models.TextField(blank=True)),
                ("language", models.CharField(blank=True, max_length=10)),
                (
                    "frontier",
                    models.BooleanField(default=True, help_text="The frontier model may serve."),
                ),
                (
                    "off",
                    models.JSONField(default=list, help_text="Features that are switched off."),
                ),
                ("changed_by", models.UUIDField(null=True)),
                (
                    "changed_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("restored_from", models.PositiveIntegerField(null=True)),
            ],
            options={
                "ordering": ["tenant_id", "-version"],
                "verbose_name_plural": "assistant settings",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "version"), name="one_version_of_assistant_settings"
                    )
                ],
            },
        ),
        migrations.RunSQL(
            tenant_rows_sql("bedrock_assistantsettings", rights="SELECT, INSERT"),
            migrations.RunSQL.noop,
        ),
    ]
