"""Large files come in parts."""

from typing import ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("documents", "0009_recognized"),
    ]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Upload",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("s3_id", models.CharField(blank=True, max_length=1024)),
                ("name", models.CharField(max_length=200)),
                ("size", models.BigIntegerField()),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("collection_id", models.UUIDField(null=True)),
                ("bulk", models.BooleanField(default=False)),
                ("keep_both", models.BooleanField(default=True)),
                ("claimed_until", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "loose",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="upload",
                        to="documents.looseobject",
                    ),
                ),
            ],
        ),
    ]
