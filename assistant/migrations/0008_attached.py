"""Messages have attached files."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("assistant", "0007_conflicts")]
    operations: ClassVar = [
        migrations.AddField("message", "attached", models.JSONField(default=list, db_default=[])),
    ]
