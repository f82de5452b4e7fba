"""Failed attempts are counted by time on staff's first page."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bedrock", "0017_logged_calls_for_tenants"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="failedattempt",
            index=models.Index(fields=["created_at"], name="failures_newest"),
        ),
    ]
