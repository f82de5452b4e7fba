"""Whether who visits a workspace has shown a second factor: some workspaces ask for one."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0014_impersonation")]
    operations: ClassVar = [
        migrations.AddField(
            "impersonation",
            "second",
            models.BooleanField(
                db_default=False,
                default=False,
                help_text="Who visits has shown a second factor of their own.",
            ),
        ),
    ]
