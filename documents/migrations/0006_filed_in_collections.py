"""Rows of `search` say in which collections a document is; those not yet indexed move there too."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("documents", "0005_reembedding"),
        ("search", "0005_collections_with_members"),
    ]
    operations: ClassVar = [
        migrations.RunSQL(
            """
            INSERT INTO search_filing (document_id, collection_id)
            SELECT document.id, document.collection_id FROM documents_document document
            JOIN search_collection collection ON collection.id = document.collection_id
            ON CONFLICT DO NOTHING
            """,
            migrations.RunSQL.noop,
        ),
        migrations.RemoveField("document", "collection_id"),
    ]
