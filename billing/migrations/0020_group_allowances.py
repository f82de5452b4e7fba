"""Allowances of groups: whose amounts a member's row holds."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("billing", "0019_governed")]
    operations: ClassVar = [
        migrations.AddField("allowance", "group_id", models.UUIDField(null=True)),
    ]
