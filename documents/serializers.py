"""Shapes of the REST API for documents and questions."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from documents.errors import BULK_AT_MOST, CHOSEN_DOCUMENTS, reason_told
from documents.masking import mask_stale
from documents.models import Document, Status
from documents.pages import QUERY_CHARACTERS
from documents.parsing import NAME_CHARACTERS
from documents.services import ACTIONS
from documents.withheld import REFUSED
from search.filters import KINDS
from search.tagging import TAG_CHARACTERS, TAGS_AT_MOST
from tenants.asked import Asked
from tenants.wording import grouped

TEXT_WINDOW = 100_000  # characters that one request for text may span


class DocumentSerializer(serializers.Serializer[Document]):
    """A document and how far its ingestion is."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    media_type = serializers.CharField(read_only=True)
    size = serializers.IntegerField(read_only=True, help_text="Bytes.")
    sha256 = serializers.CharField(read_only=True)
    status = serializers.ChoiceField(choices=Status.choices, read_only=True)
    progress = serializers.FloatField(read_only=True, help_text="0 to 1.")
    batch = serializers.BooleanField(
        source="by_batch",
        read_only=True,
        help_text="Whether a batch job makes its vectors: at half the price, within a day.",
    )
    error = serializers.SerializerMethodField(help_text="Why it failed, for a person.")
    error_code = serializers.SerializerMethodField(help_text="Why it failed; stable.")
    title = serializers.CharField(read_only=True)
    version = serializers.IntegerField(read_only=True, help_text="Counts from 1.")
    replaced_at = serializers.DateTimeField(
        read_only=True,
        allow_null=True,
        help_text="Since when a newer version is searched instead; null: none is. See `versions/`.",
    )
    pages = serializers.IntegerField(read_only=True, help_text="0 for formats without pages.")
    chunks = serializers.IntegerField(read_only=True)
    characters = serializers.IntegerField(read_only=True)
    masked = serializers.SerializerMethodField(
        help_text="Personal data is masked in all that is searched, sent and quoted."
    )
    mask_stale = serializers.SerializerMethodField(
        help_text="Masked by older rules, or not yet: `retry/` masks it again."
    )
    collections = serializers.ListField(
        child=serializers.UUIDField(),
        source="collection_ids",
        read_only=True,
        help_text="Those that you may read; none: the whole workspace reads it.",
    )
    tags = serializers.ListField(child=serializers.CharField(), read_only=True)
    created_by = serializers.UUIDField(source="created_by_id", read_only=True, allow_null=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)
    url = serializers.SerializerMethodField(help_text="The viewer's path.")

    def get_error(self, document: Document) -> str | None:
        return reason_told(document) or None

    def get_error_code(self, document: Document) -> str | None:
        return document.error_code or None

    def get_masked(self, document: Document) -> bool:
        return bool(document.masked_with)

    def get_mask_stale(self, document: Document) -> bool:
        return mask_stale(document)

    def get_url(self, document: Document) -> str:
        return reverse("document_view", args=[document.id])


class UploadSerializer(Asked):
    """One file, sent as multipart/form-data."""

    file = serializers.FileField(
        allow_empty_file=True,
        max_length=None,
        help_text=f"Its name is kept whole: at most {NAME_CHARACTERS} characters.",
    )
    collection = serializers.UUIDField(required=False, allow_null=True)
    keep_both = serializers.BooleanField(
        default=True,
        help_text="False: refuse a file that is here already with 409 `duplicate`.",
    )
    bulk = serializers.BooleanField(
        default=False,
        help_text="One of many files that come together: they may be embedded by a batch job, at"
        " half the price, within a day.",
    )


class VersionUploadSerializer(Asked):
    """The file that takes a document's place, sent as multipart/form-data."""

    file = serializers.FileField(allow_empty_file=True, max_length=None)


class ChangeSerializer(Asked):
    """What to change; what is left out stays."""

    name = serializers.CharField(
        required=False,
        max_length=NAME_CHARACTERS,
        help_text=f"At most {NAME_CHARACTERS} characters with its extension.",
    )
    collections = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=50,
        help_text="Where it shall be; none: the whole workspace reads it.",
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=TAG_CHARACTERS),
        required=False,
        max_length=TAGS_AT_MOST,
        help_text="All tags that it shall have.",
    )


class BulkSerializer(Asked):
    """One action on several documents: all of them, or none."""

    action = serializers.ChoiceField(choices=ACTIONS)
    document_ids = serializers.ListField(
        child=serializers.UUIDField(), allow_empty=False, max_length=BULK_AT_MOST
    )
    collection_ids = serializers.ListField(
        child=serializers.UUIDField(),
        default=list,
        max_length=50,
        help_text="Where to move them; none: the whole workspace reads them.",
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=TAG_CHARACTERS),
        default=list,
        max_length=TAGS_AT_MOST,
        help_text="What `tag` puts on each beside its own tags, and `untag` takes off.",
    )


class ListQuerySerializer(serializers.Serializer[Any]):
    q = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=QUERY_CHARACTERS,
        help_text="Only documents whose names hold each of these words.",
    )
    tag = serializers.CharField(
        required=False, max_length=TAG_CHARACTERS, help_text="Only documents with this tag."
    )
    collection = serializers.UUIDField(
        required=False, help_text="Only documents of this collection, which the caller may read."
    )
    status = serializers.ChoiceField(
        choices=Status.values, required=False, help_text="Only documents in this state."
    )
    kind = serializers.ChoiceField(
        choices=[kind.key for kind in KINDS],
        required=False,
        help_text="Only documents of this kind, as in `kinds` of `search/`.",
    )
    added_from = serializers.DateTimeField(
        required=False, help_text="Only documents that were added then or later."
    )
    added_before = serializers.DateTimeField(
        required=False, help_text="Only documents that were added before."
    )


class TextQuerySerializer(serializers.Serializer[Any]):
    start = serializers.IntegerField(min_value=0, default=0)
    end = serializers.IntegerField(min_value=0, required=False)
    unmasked = serializers.BooleanField(default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs.setdefault("end", attrs["start"] + TEXT_WINDOW)
        if attrs["end"] < attrs["start"]:
            raise serializers.ValidationError({"end": gettext("Must not be smaller than start.")})
        if attrs["end"] - attrs["start"] > TEXT_WINDOW:
            raise serializers.ValidationError(
                {
                    "end": gettext("At most %(most)s characters a request.")
                    % {"most": grouped(TEXT_WINDOW)}
                }
            )
        return attrs


class PageSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    recognized = serializers.BooleanField(
        required=False, help_text="Its page is a scan or a picture, read by text recognition (OCR)."
    )


class DocumentTextSerializer(serializers.Serializer[Any]):
    """A part of a document's extracted text; offsets count characters of the original."""

    text = serializers.CharField()
    masked = serializers.BooleanField(help_text="Personal data in `text` is masked.")
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    characters = serializers.IntegerField(help_text="Length of the whole text.")
    pages = PageSerializer(many=True, help_text="The pages that the part touches.")


class AskSerializer(Asked):
    """A question, to everything, to chosen documents, or to collections."""

    question = serializers.CharField(allow_blank=True, trim_whitespace=False)
    document_ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, allow_null=True, allow_empty=False,
        max_length=CHOSEN_DOCUMENTS,
    )  # fmt: skip
    collection_ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, allow_null=True, allow_empty=False,
        max_length=CHOSEN_DOCUMENTS,
    )  # fmt: skip


class CitationSerializer(serializers.Serializer[Any]):
    """An exact quotation: `quote` is the document's `text[start:end]`.

    Where personal data is masked, the quotation is, and the offsets are the original's.
    """

    number = serializers.IntegerField(help_text="The mark [n] in the answer.")
    document_id = serializers.UUIDField()
    document_name = serializers.CharField()
    page = serializers.IntegerField(allow_null=True)
    quote = serializers.CharField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()


class ConflictSerializer(serializers.Serializer[Any]):
    """Two sentences of two documents that say the same with other numbers or dates."""

    cited = CitationSerializer()
    other = CitationSerializer(help_text="Its `number` is 0: the answer does not cite it.")


class WithheldSerializer(serializers.Serializer[Any]):
    """A passage that was not used, since the content rules refuse it."""

    document_id = serializers.UUIDField()
    document_name = serializers.CharField()
    page = serializers.IntegerField(allow_null=True)
    code = serializers.SerializerMethodField(help_text=f"`{REFUSED}`.")

    def get_code(self, passage: Any) -> str:
        return REFUSED


class AnswerSerializer(serializers.Serializer[Any]):
    answer = serializers.CharField(help_text="Markdown; [n] are the citations' numbers.")
    grounded = serializers.ChoiceField(choices=["full", "partly", "none"])
    citations = CitationSerializer(many=True)
    conflicts = ConflictSerializer(many=True)
    follow_ups = serializers.ListField(
        child=serializers.CharField(),
        help_text="Questions about what stands beside the cited passages; no model makes them.",
    )
    withheld = WithheldSerializer(
        many=True,
        help_text="Passages that the content rules refuse; the rest has answered, if any was left.",
    )
    guardrail = serializers.SerializerMethodField()
    usage = serializers.DictField()
    request_id = serializers.UUIDField()
    question_masked = serializers.BooleanField(
        help_text="Personal data in the question was replaced before it was used."
    )

    @extend_schema_field({"type": "object", "properties": {"action": {"type": "string"}}})
    def get_guardrail(self, answer: Any) -> dict[str, str]:
        return {"action": answer.guardrail.get("action", "none")}
