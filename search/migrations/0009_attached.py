"""Sources may be attached to something, and are then found for it alone."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("search", "0008_language_told")]
    operations: ClassVar = [
        migrations.AddField("source", "attached_to", models.UUIDField(null=True)),
    ]
