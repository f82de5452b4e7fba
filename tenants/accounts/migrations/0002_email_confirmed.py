"""When a user's address was confirmed. Until now operators vouched for every address."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("accounts", "0001_initial")]
    operations: ClassVar = [
        migrations.AddField(
            model_name="user",
            name="email_confirmed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunSQL(
            "UPDATE accounts_user SET email_confirmed_at = created_at",
            migrations.RunSQL.noop,
        ),
    ]
