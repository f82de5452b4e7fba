"""Sources say whose vectors they have; those of before have Titan's."""

from typing import ClassVar

from django.db import migrations, models

BEFORE = "amazon.titan-embed-text-v2:0"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("search", "0003_masking")]
    operations: ClassVar = [
        migrations.AddField(
            model_name="source",
            name="embedding_model",
            field=models.CharField(blank=True, default=BEFORE, max_length=100),
            preserve_default=False,
        )
    ]
