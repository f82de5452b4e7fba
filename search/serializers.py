"""Shapes of the REST API for search and collections."""

from typing import Any
from uuid import UUID

from rest_framework import serializers

from search.filing import NAME_CHARACTERS
from search.filters import KINDS
from search.models import Right
from search.selectors import LIMIT, LIMIT_USUAL, QUERY_CHARACTERS
from search.tagging import TAG_CHARACTERS, TAGS_AT_MOST
from tenants.asked import Asked

IDS_AT_MOST = 1_000


class IdField(serializers.UUIDField):
    """An id as text: a number, which the base class takes too, is a mistake."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class SearchSerializer(Asked):
    """What to look for; without ids, in everything that the caller may see."""

    query = serializers.CharField(
        max_length=QUERY_CHARACTERS,
        help_text="What stands in quotation marks must be in a passage word for word.",
    )
    limit = serializers.IntegerField(min_value=1, max_value=LIMIT, default=LIMIT_USUAL)
    document_ids = serializers.ListField(
        child=IdField(), required=False, allow_null=True, max_length=IDS_AT_MOST
    )
    collection_ids = serializers.ListField(
        child=IdField(), required=False, allow_null=True, max_length=IDS_AT_MOST
    )
    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=[(kind.key, kind.label) for kind in KINDS]),
        required=False,
        allow_null=True,
        max_length=len(KINDS),
    )
    owner_ids = serializers.ListField(
        child=IdField(), required=False, allow_null=True, max_length=IDS_AT_MOST,
        help_text="Who added the document.",
    )  # fmt: skip
    added_from = serializers.DateTimeField(
        required=False, allow_null=True, help_text="When the document was added, or later."
    )
    added_before = serializers.DateTimeField(required=False, allow_null=True)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=TAG_CHARACTERS), required=False, allow_null=True,
        max_length=TAGS_AT_MOST, help_text="Tags that a document has, all of them.",
    )  # fmt: skip


class FoundDocumentSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="document_id")
    name = serializers.CharField(source="document_name")


class PassageSerializer(serializers.Serializer[Any]):
    """A passage: `text` is the document's `text[start:end]`."""

    document = FoundDocumentSerializer(source="*")
    page = serializers.IntegerField(allow_null=True, help_text="Null for formats without pages.")
    heading = serializers.CharField(allow_blank=True)
    chunk_id = serializers.UUIDField()
    text = serializers.CharField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    rank = serializers.IntegerField(help_text="From 1, best first.")


class ResultsSerializer(serializers.Serializer[Any]):
    results = PassageSerializer(many=True)
    read_as = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="Words that no passage has, with those that were looked for instead.",
    )
    request_id = serializers.UUIDField(help_text="`GET requests/{id}/` tells what it cost.")


class CollectionSerializer(Asked):
    """A named set of documents, open to the whole workspace or to its owner and members alone.

    Names differ by more than case among the open ones, and among one's own.
    """

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(max_length=NAME_CHARACTERS)
    open = serializers.BooleanField(
        default=True, help_text="To the whole workspace. Else to its owner and members alone."
    )
    owner = serializers.UUIDField(source="owner_id", read_only=True, allow_null=True)
    readable = serializers.BooleanField(
        read_only=True, help_text="Admins manage collections that they may not read."
    )
    writable = serializers.BooleanField(read_only=True, help_text="You may add documents.")
    manageable = serializers.BooleanField(read_only=True, help_text="You may change and share it.")
    documents = serializers.IntegerField(source="document_count", read_only=True)
    created_at = serializers.DateTimeField(read_only=True)


class CollectionMemberSerializer(Asked):
    """A user whom a collection is shared with, besides its owner."""

    user = serializers.UUIDField(source="user_id", read_only=True)
    name = serializers.CharField(source="user", read_only=True)
    right = serializers.ChoiceField(choices=Right.choices)


class CollectionMembersSerializer(serializers.Serializer[Any]):
    results = CollectionMemberSerializer(many=True)


class CollectionGroupSerializer(Asked):
    """A group that a collection is shared with: whoever is in it then."""

    group = serializers.UUIDField(source="group_id", read_only=True)
    name = serializers.CharField(source="group", read_only=True)
    right = serializers.ChoiceField(choices=Right.choices)


class CollectionGroupsSerializer(serializers.Serializer[Any]):
    results = CollectionGroupSerializer(many=True)
