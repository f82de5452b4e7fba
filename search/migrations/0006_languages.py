"""Sources say in which language their words are read; those of before are read as English."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("search", "0005_collections_with_members")]
    operations: ClassVar = [
        migrations.AddField(
            model_name="source",
            name="language",
            field=models.CharField(db_default="english", default="english", max_length=20),
        )
    ]
