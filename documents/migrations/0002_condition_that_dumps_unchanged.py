from typing import ClassVar

from django.db import migrations, models

CONDITION = models.Q(status="queued") | models.Q(status="parsing") | models.Q(status="embedding")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("documents", "0001_initial")]
    operations: ClassVar = [
        migrations.RemoveIndex(model_name="document", name="document_in_flight"),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                fields=["dispatched_at"], name="document_in_flight", condition=CONDITION
            ),
        ),
    ]
