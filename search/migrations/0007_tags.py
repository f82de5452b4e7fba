"""Tags of documents."""

from typing import ClassVar

from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies: ClassVar = [("search", "0006_languages")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Tagging",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("document_id", models.UUIDField()),
                ("name", models.CharField(max_length=40)),
            ],
            options={"ordering": ["id"]},
        ),
        migrations.AddIndex(
            model_name="tagging", index=models.Index(Lower("name"), name="tagging_name")
        ),
        migrations.AddConstraint(
            model_name="tagging",
            constraint=models.UniqueConstraint("document_id", Lower("name"), name="tagged_once"),
        ),
    ]
