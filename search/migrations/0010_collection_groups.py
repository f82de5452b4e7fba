"""Collections are shared with groups of people too."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("search", "0009_attached"), ("accounts", "0009_groups")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="CollectionGroup",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "right",
                    models.CharField(
                        choices=[("read", "Can read"), ("add", "Can add and change")],
                        default="read",
                        max_length=8,
                    ),
                ),
                (
                    "collection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="groups",
                        to="search.collection",
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="collections",
                        to="accounts.membergroup",
                    ),
                ),
            ],
            options={"ordering": ["id"]},
        ),
        migrations.AddConstraint(
            "collectiongroup",
            models.UniqueConstraint(fields=("group", "collection"), name="collection_group_once"),
        ),
    ]
