"""Whose place staff took in a visit, as they gave it: lists name people, not ids."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0016_decided_tasks")]
    operations: ClassVar = [
        migrations.AddField(
            "impersonation",
            "address",
            models.EmailField(
                db_default="",
                default="",
                help_text="That member's, as staff gave it.",
                max_length=254,
            ),
        ),
    ]
