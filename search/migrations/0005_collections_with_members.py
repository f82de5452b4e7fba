"""Collections get members, and documents may be in several: rows of their own say in which."""

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("search", "0004_embedding_model"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations: ClassVar = [
        migrations.RemoveConstraint(model_name="collection", name="collection_name_once"),
        migrations.RenameField("collection", "created_by_id", "owner_id"),
        migrations.AlterField(
            model_name="collection",
            name="owner_id",
            field=models.UUIDField(blank=True, db_index=True, null=True),
        ),
        migrations.AddField(
            model_name="collection", name="open", field=models.BooleanField(default=True)
        ),
        migrations.AlterModelOptions(
            name="collection", options={"ordering": [Lower("name"), "id"]}
        ),
        migrations.AddConstraint(
            model_name="collection",
            constraint=models.UniqueConstraint(
                Lower("name"), condition=models.Q(open=True), name="open_collection_name_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="collection",
            constraint=models.UniqueConstraint(
                Lower("name"), "owner_id", name="own_collection_name_once"
            ),
        ),
        migrations.CreateModel(
            name="CollectionMember",
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
                        related_name="members",
                        to="search.collection",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ["id"]},
        ),
        migrations.AddConstraint(
            model_name="collectionmember",
            constraint=models.UniqueConstraint(
                fields=("user", "collection"), name="collection_member_once"
            ),
        ),
        migrations.CreateModel(
            name="Filing",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("document_id", models.UUIDField()),
                (
                    "collection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="filings",
                        to="search.collection",
                    ),
                ),
            ],
            options={"ordering": ["id"]},
        ),
        migrations.AddConstraint(
            model_name="filing",
            constraint=models.UniqueConstraint(
                fields=("document_id", "collection"), name="filed_once"
            ),
        ),
        migrations.RunSQL(
            """
            INSERT INTO search_filing (document_id, collection_id)
            SELECT id, collection_id FROM search_source WHERE collection_id IS NOT NULL
            """,
            migrations.RunSQL.noop,
        ),
        migrations.RemoveField("source", "collection"),
    ]
