"""When a verified domain's DNS record was first seen gone."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("signin", "0002_single_sign_on")]
    operations: ClassVar = [
        migrations.AddField(
            "emaildomain",
            "missing_since",
            models.DateTimeField(null=True, help_text="When a nightly look found the record gone."),
        ),
    ]
