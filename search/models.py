"""What can be retrieved: sources, their chunks, and these as words (postings) and vectors.

Deletes are explicit and in `services.py`: nothing cascades, so that each is one statement.
"""

import uuid
from typing import ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from search.languages import USUAL

DIMENSIONS: Final = 512


class Collection(models.Model):
    """A named set of documents, which says who may read them: everybody, or owner and members.

    Names are unique among the open ones, which all may see, and among each owner's: a name that is
    taken must not tell of a collection that one may not see.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    owner_id = models.UUIDField(null=True, blank=True, db_index=True)
    open = models.BooleanField(default=True)  # to the whole workspace
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = [Lower("name"), "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("name"), name="open_collection_name_once", condition=models.Q(open=True)
            ),
            models.UniqueConstraint(Lower("name"), "owner_id", name="own_collection_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Right(models.TextChoices):
    """What a member may do with a collection's documents; a viewer's role allows reading only."""

    READ = "read", _("Can read")
    ADD = "add", _("Can add and change")


class CollectionMember(models.Model):
    """A user whom a collection is shared with."""

    id = models.BigAutoField(primary_key=True)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    right = models.CharField(max_length=8, choices=Right, default=Right.READ)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "collection"], name="collection_member_once")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.collection_id}"


class CollectionGroup(models.Model):
    """A group of people whom a collection is shared with: whoever is in it when it is asked."""

    id = models.BigAutoField(primary_key=True)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="groups")
    group = models.ForeignKey(
        "accounts.MemberGroup", on_delete=models.CASCADE, related_name="collections"
    )
    right = models.CharField(max_length=8, choices=Right, default=Right.READ)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["group", "collection"], name="collection_group_once")
        ]

    def __str__(self) -> str:
        return f"{self.group_id} in {self.collection_id}"


class Filing(models.Model):
    """That a document is in a collection; one in none is the whole workspace's.

    By the document's id: it is filed in the transaction that takes it in, before there is a source.
    A collection with filings cannot be deleted as rows: what it kept to a few would become
    everybody's.
    """

    id = models.BigAutoField(primary_key=True)
    document_id = models.UUIDField()
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="filings")

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["document_id", "collection"], name="filed_once")
        ]

    def __str__(self) -> str:
        return f"{self.document_id} in {self.collection_id}"


class Tagging(models.Model):
    """That a document has a tag; by the document's id, as `Filing`. See `search/tagging.py`."""

    id = models.BigAutoField(primary_key=True)
    document_id = models.UUIDField()
    name = models.CharField(max_length=40)

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [models.Index(Lower("name"), name="tagging_name")]
        constraints: ClassVar = [
            models.UniqueConstraint("document_id", Lower("name"), name="tagged_once")
        ]

    def __str__(self) -> str:
        return f"{self.name} on {self.document_id}"


class Source(models.Model):
    """An indexed document; `id` is the document's. One that is not `live` is never retrieved.

    `masked_with` says by which guardrail and version name, passages and headings were masked; empty
    where they were not.

    `chunk_count` and `term_count` (words, stop words left out) are sums over its chunks: ranking
    needs both over all sources, and a few thousand rows are added up faster than one shared row is
    kept right under concurrent ingestion.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    name = models.CharField(max_length=300)
    media_type = models.CharField(max_length=120)
    owner_id = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    live = models.BooleanField(default=True)
    masked_with = models.CharField(max_length=160, blank=True)
    # Whose vectors its chunks have, if any; those of another model are not compared with a query's.
    embedding_model = models.CharField(max_length=100, blank=True)
    chunk_count = models.PositiveIntegerField(default=0)
    term_count = models.PositiveBigIntegerField(default=0)
    # PostgreSQL's configuration that its words are read with.
    language = models.CharField(max_length=20, default=USUAL, db_default=USUAL)
    # Whether that was told by its words; what was indexed before it could be is read again.
    language_told = models.BooleanField(default=False, db_default=False)
    # What it is attached to, and is found for alone; null: it belongs to the whole workspace.
    attached_to = models.UUIDField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name


class Chunk(models.Model):
    """A passage of a source: `text` is the document's `text[start:end]`, both in characters.

    Where the source is masked, `text` is masked too and the offsets are the original's.

    `number` is what postings and vectors refer to: four bytes instead of sixteen, in millions of
    places. `chunk_id` is what the outside sees.
    """

    number = models.AutoField(primary_key=True)
    chunk_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    source = models.ForeignKey(Source, on_delete=models.DO_NOTHING, related_name="chunks")
    ordinal = models.PositiveIntegerField()
    text = models.TextField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    page = models.PositiveIntegerField(null=True, blank=True)
    heading = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["source", "ordinal"]

    def __str__(self) -> str:
        return f"chunk {self.ordinal} of {self.source_id}"


class Vector(models.Model):
    """A chunk's embedding, of length one; apart from the text, so that an exact scan reads no text.

    Kept inline in its row (storage `plain`): seven to a page of the table.
    """

    number = models.OneToOneField(
        Chunk,
        on_delete=models.DO_NOTHING,
        primary_key=True,
        db_column="number",
        related_name="vector",
        db_constraint=False,
    )
    source = models.ForeignKey(
        Source, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    embedding = HalfVectorField(dimensions=DIMENSIONS)

    def __str__(self) -> str:
        return f"vector of chunk {self.number_id}"


class Posting(models.Model):
    """Where a term stands in one source: eight bytes for each chunk that has it.

    An entry is big-endian: chunk number (4 bytes), how often (2), the chunk's length in terms (2).
    With the length beside it, BM25 needs no join. No foreign key constraint: thousands of checks an
    ingestion, for rows that one service alone writes and deletes.
    """

    pk = models.CompositePrimaryKey("term", "source_id")
    term = models.TextField(db_collation="C")
    source = models.ForeignKey(
        Source, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    entries = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.term} in {self.source_id}"


class KnowledgeCopy(models.Model):
    """A chunk's copy in a Knowledge Base: on its way there, there, or on its way out.

    Written in the transaction that makes or deletes the chunk, and outliving it, so that no crash
    loses a copy that has to be made or removed. `base_id` is of `bedrock.KnowledgeBase`.
    """

    class State(models.TextChoices):
        PUT = "put", "To be sent"
        SENT = "sent", "Sent, not yet indexed"
        INDEXED = "indexed", "Indexed"
        DELETE = "delete", "To be deleted"
        LEAVING = "leaving", "Deletion sent, not yet gone"
        FAILED = "failed", "Refused"

    id = models.BigAutoField(primary_key=True)
    chunk_id = models.UUIDField()
    source_id = models.UUIDField(db_index=True)
    base_id = models.UUIDField()
    state = models.CharField(max_length=8, choices=State, default=State.PUT)
    attempts = models.PositiveSmallIntegerField(default=0)
    changed_at = models.DateTimeField(default=timezone.now)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["chunk_id", "base_id"], name="one_copy_a_base")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["id"],
                name="copies_under_way",
                # Written out: PostgreSQL stores IN as an expression that dumps otherwise.
                condition=models.Q(state="put")
                | models.Q(state="sent")
                | models.Q(state="delete")
                | models.Q(state="leaving"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.chunk_id} {self.state}"


class RetrievalMove(models.Model):
    """A move of all chunks to another retrieval target; the old one serves until it is finished."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    origin = models.CharField(max_length=20)
    target = models.CharField(max_length=20)
    base_id = models.UUIDField(null=True)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-started_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["finished_at"], name="one_move_at_a_time", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.origin} to {self.target}"
