"""Documents wait for a batch job that brings their vectors."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("documents", "0002_condition_that_dumps_unchanged"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="document",
            name="batch_job_id",
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="document",
            name="batch_times",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="document",
            name="bulk",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="document",
            name="collected_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="document",
            name="way",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "Not decided"),
                    ("collecting", "Waits for a batch job"),
                    ("sent", "In a batch job"),
                    ("calls", "By calls"),
                ],
                default="",
                max_length=12,
            ),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                condition=models.Q(("way", "collecting"), ("way", "sent"), _connector="OR"),
                fields=["way", "batch_job_id"],
                name="document_in_batch",
            ),
        ),
    ]
