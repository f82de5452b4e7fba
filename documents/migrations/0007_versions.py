"""A file may take another's place: versions of one document, of which one is searched."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("documents", "0006_filed_in_collections")]
    operations: ClassVar = [
        migrations.AddField("document", "series", models.UUIDField(null=True, blank=True)),
        migrations.AddField(
            "document", "version", models.PositiveIntegerField(default=1, db_default=1)
        ),
        migrations.AddField("document", "replaced_at", models.DateTimeField(null=True, blank=True)),
        migrations.AddConstraint(
            "document",
            models.UniqueConstraint(fields=["series", "version"], name="document_version_once"),
        ),
    ]
