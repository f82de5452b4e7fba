"""Documents to be embedded anew are found by the same index as those that wait for a job."""

from typing import ClassVar

from django.db import migrations, models

CONDITION = models.Q(way="collecting") | models.Q(way="sent") | models.Q(way="calls")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("documents", "0004_masking")]
    operations: ClassVar = [
        migrations.RemoveIndex(model_name="document", name="document_in_batch"),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                fields=["way", "batch_job_id"], name="document_in_batch", condition=CONDITION
            ),
        ),
    ]
