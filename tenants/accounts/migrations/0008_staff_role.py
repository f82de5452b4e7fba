"""Roles of the operator's staff, in place of rights given one by one."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("accounts", "0007_idempotency")]
    operations: ClassVar = [
        migrations.AddField(
            "user",
            "staff_role",
            models.CharField(
                blank=True,
                choices=[
                    ("support", "Support"),
                    ("finance", "Finance"),
                    ("security", "Security"),
                    ("administrator", "Administrator"),
                ],
                db_default="",
                default="",
                help_text="Without one, a member of staff signs in and sees nothing.",
                max_length=13,
            ),
        ),
        migrations.RunSQL(
            "UPDATE accounts_user SET staff_role = 'administrator' WHERE is_superuser",
            migrations.RunSQL.noop,
        ),
    ]
