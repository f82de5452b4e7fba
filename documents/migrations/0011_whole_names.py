"""Names of documents are kept whole, as file systems have them. No table is rewritten."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("documents", "0010_uploads")]
    operations: ClassVar = [
        migrations.AlterField("document", "name", models.CharField(max_length=255)),
        migrations.AlterField("upload", "name", models.CharField(max_length=255)),
    ]
