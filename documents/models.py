"""Uploaded documents, their canonical text, and what an unfinished ingestion keeps."""

import uuid
from typing import ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    QUEUED = "queued", _("Queued")
    PARSING = "parsing", _("Parsing")
    EMBEDDING = "embedding", _("Embedding")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")


class Way(models.TextChoices):
    """How a document's passages get their vectors; see `documents/batching.py`."""

    UNDECIDED = "", _("Not decided")
    COLLECTING = "collecting", _("Waits for a batch job")
    SENT = "sent", _("In a batch job")
    CALLS = "calls", _("By calls")


IN_FLIGHT: Final = (Status.QUEUED, Status.PARSING, Status.EMBEDDING)

IN_BATCH: Final = (Way.COLLECTING, Way.SENT)


class Document(models.Model):
    """One uploaded file on its way to being searchable.

    `lease_token` fences the ingestion: only the delivery that holds it may write, and it is asked
    for in every write's WHERE. `attempts` counts starts since the last lasting progress, so that a
    document that kills its worker is set aside; `waits` counts how often a busy service sent the
    ingestion away. `dispatched_at` is when a task was last sent, or may first run. While `way` is
    collecting or sent no delivery may hold the document: a batch job will bring its vectors.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=255)
    media_type = models.CharField(max_length=120)
    size = models.BigIntegerField()  # bytes
    sha256 = models.CharField(max_length=64)
    object_key = models.CharField(max_length=200)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    status = models.CharField(max_length=12, choices=Status, default=Status.QUEUED)
    progress = models.FloatField(default=0.0)  # 0 to 1
    error_code = models.CharField(max_length=60, blank=True)
    error = models.TextField(blank=True)
    title = models.CharField(max_length=300, blank=True)
    pages = models.PositiveIntegerField(default=0)  # 0 for formats without pages
    chunks = models.PositiveIntegerField(default=0)
    characters = models.PositiveIntegerField(default=0)
    # What is masked: the name as retrieval and prompts have it, and `<guardrail id>:<version>`.
    masked_name = models.CharField(max_length=300, blank=True)
    masked_with = models.CharField(max_length=160, blank=True)

    # Versions of one document: see `documents/versions.py`.
    series = models.UUIDField(null=True, blank=True)  # the first version's id; null: there is one
    version = models.PositiveIntegerField(default=1, db_default=1)
    replaced_at = models.DateTimeField(null=True, blank=True)  # since when another is searched

    attempts = models.PositiveSmallIntegerField(default=0)
    waits = models.PositiveSmallIntegerField(default=0)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    dispatched_at = models.DateTimeField(default=timezone.now)

    # What it is attached to: a conversation's id. It belongs to that, and the workspace's documents
    # do not show it; null: it is one of them.
    attached_to = models.UUIDField(null=True)

    bulk = models.BooleanField(default=False)  # its upload said that it is one of many
    way = models.CharField(max_length=12, choices=Way, default=Way.UNDECIDED, blank=True)
    batch_job_id = models.UUIDField(null=True, blank=True)
    batch_times = models.PositiveSmallIntegerField(default=0)  # jobs that have had it
    collected_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["-created_at", "-id"], name="document_newest"),
            models.Index(Lower("name"), name="document_name"),
            models.Index(fields=["sha256"], name="document_sha256"),
            models.Index(
                fields=["dispatched_at"],
                name="document_in_flight",
                # Not `__in`: PostgreSQL writes its arrays of casts differently once dumped.
                condition=models.Q(status="queued")
                | models.Q(status="parsing")
                | models.Q(status="embedding"),
            ),
            models.Index(
                fields=["way", "batch_job_id"],
                name="document_in_batch",
                condition=models.Q(way="collecting") | models.Q(way="sent") | models.Q(way="calls"),
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(progress__gte=0, progress__lte=1), name="document_progress"
            ),
            models.UniqueConstraint(fields=["series", "version"], name="document_version_once"),
            models.UniqueConstraint(
                fields=["attached_to", "sha256", "name"],
                name="document_attached_once",
                condition=models.Q(attached_to__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def by_batch(self) -> bool:
        """Whether it waits for vectors that a batch job is to bring, or is making."""
        return self.in_flight and self.way in IN_BATCH

    @property
    def in_flight(self) -> bool:
        """Whether an ingestion is still to come or under way."""
        return self.status in IN_FLIGHT

    @property
    def masking(self) -> bool:
        """Whether its text is read and personal data in it is being masked."""
        return self.status == Status.PARSING and self.characters > 0


class DocumentText(models.Model):
    """The canonical text that every offset points into, with its pages and headings.

    `pages` holds [number, start, end], `headings` [level, title, start], as the parser gave them.
    `masked` is the text that everything but the viewer uses where the posture masks, `mask_spans`
    the map between both: see `bedrock.offsets.Masking.spans`.
    """

    document = models.OneToOneField(
        Document, on_delete=models.CASCADE, primary_key=True, related_name="content"
    )
    text = models.TextField()
    pages = models.JSONField(default=list)
    headings = models.JSONField(default=list)
    recognized = models.JSONField(default=list, db_default=[])  # pages read by text recognition
    unread = models.JSONField(default=list, db_default=[])  # pages that are pictures, not read
    masked = models.TextField(null=True, blank=True)
    mask_spans = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"text of {self.document_id}"


class StagedBatch(models.Model):
    """Vectors of some passages of an unfinished ingestion: paid work that is not repeated.

    `digest` is of the model and the texts that were embedded; another cut of the document, or
    another model, does not match it. A row of NaN is a passage that has no vector yet: a batch job
    may fail on single records.
    """

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="staged")
    first = models.PositiveIntegerField()  # ordinal of the batch's first chunk
    digest = models.CharField(max_length=64)
    vectors = models.BinaryField()  # float32, little-endian, row by row
    dimensions = models.PositiveSmallIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["document", "first"], name="staged_batch_once")
        ]

    def __str__(self) -> str:
        return f"batch {self.first} of {self.document_id}"


class MaskedPart(models.Model):
    """What was found in one part of a document's text: paid work that is not repeated.

    `found` holds [start, end, kind] within the part, never the text itself. `guardrail` is what it
    was found with, `digest` of the part's text.
    """

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="masked_parts")
    start = models.PositiveIntegerField()  # of the part, in the document's text
    guardrail = models.CharField(max_length=160)
    digest = models.CharField(max_length=64)
    found = models.JSONField(default=list)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["document", "start"], name="masked_part_once")
        ]

    def __str__(self) -> str:
        return f"masked part {self.start} of {self.document_id}"


class LooseObject(models.Model):
    """A stored object that no document owns: of an upload under way, or of a deleted document.

    Written before the object is, and removed in the transaction that makes the document; so a crash
    anywhere between leaves a row here, and what is due is swept. `held` is the storage reserved for
    an upload under way, which is given back with it.
    """

    key = models.CharField(max_length=200, primary_key=True)
    held = models.BigIntegerField(default=0, db_default=0)  # bytes
    remove_after = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key


class Upload(models.Model):
    """A file on its way to S3 in parts; `id` is that of the document it becomes.

    It goes with its object's row: taken over by the document, or swept. A completion holds it
    while `claimed_until` is to come.
    """

    id = models.UUIDField(primary_key=True)
    loose = models.OneToOneField(LooseObject, on_delete=models.CASCADE, related_name="upload")
    s3_id = models.CharField(max_length=1024, blank=True)  # S3's own id of it; "" until it is begun
    name = models.CharField(max_length=255)
    size = models.BigIntegerField()  # bytes
    sha256 = models.CharField(max_length=64, blank=True)  # as its sender says
    collection_id = models.UUIDField(null=True)
    bulk = models.BooleanField(default=False)
    keep_both = models.BooleanField(default=True)
    claimed_until = models.DateTimeField(null=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name
