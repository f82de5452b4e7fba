from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0018_region_moves")]

    operations: ClassVar = [
        migrations.AlterModelOptions(
            name="tenant",
            options={
                "ordering": ["slug"],
                "verbose_name": "workspace",
                "verbose_name_plural": "workspaces",
            },
        ),
    ]
