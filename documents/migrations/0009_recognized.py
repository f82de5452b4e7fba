"""Texts say which of their pages were read by text recognition, and which not at all."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("documents", "0008_attached")]
    operations: ClassVar = [
        migrations.AddField(
            "documenttext", "recognized", models.JSONField(default=list, db_default=[])
        ),
        migrations.AddField(
            "documenttext", "unread", models.JSONField(default=list, db_default=[])
        ),
    ]
