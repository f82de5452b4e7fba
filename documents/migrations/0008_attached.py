"""Documents may be attached to something; stored objects say what storage they hold."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("documents", "0007_versions")]
    operations: ClassVar = [
        migrations.AddField("document", "attached_to", models.UUIDField(null=True)),
        migrations.AddConstraint(
            "document",
            models.UniqueConstraint(
                fields=["attached_to", "sha256", "name"],
                name="document_attached_once",
                condition=models.Q(attached_to__isnull=False),
            ),
        ),
        migrations.AddField("looseobject", "held", models.BigIntegerField(default=0, db_default=0)),
    ]
