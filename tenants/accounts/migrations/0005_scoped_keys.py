"""Keys with scopes and an allowance; accounts of programs."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("accounts", "0004_invitations")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="apikey",
            name="allowance_usd",
            field=models.DecimalField(
                decimal_places=2,
                help_text="A month; empty: without limit.",
                max_digits=12,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="scopes",
            field=models.JSONField(
                help_text="What it may be used for; empty: everything.", null=True
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="is_service",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="A program's account: owned by the workspace, has keys and no password.",
            ),
        ),
    ]
