"""Shapes of the REST API for search and collections."""

from typing import Any
from uuid import UUID

from rest_framework import serializers

from search.models import Collection
from search.selectors import LIMIT, LIMIT_USUAL, QUERY_CHARACTERS

IDS_AT_MOST = 1_000


class IdField(serializers.UUIDField):
    """An id as text: a number, which the base class takes too, is a mistake."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class SearchSerializer(serializers.Serializer[Any]):
    """What to look for; without ids, in everything that the caller may see."""

    query = serializers.CharField(max_length=QUERY_CHARACTERS)
    limit = serializers.IntegerField(min_value=1, max_value=LIMIT, default=LIMIT_USUAL)
    document_ids = serializers.ListField(
        child=IdField(), required=False, allow_null=True, max_length=IDS_AT_MOST
    )
    collection_ids = serializers.ListField(
        child=IdField(), required=False, allow_null=True, max_length=IDS_AT_MOST
    )


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
    request_id = serializers.UUIDField(help_text="`GET requests/{id}/` tells what it cost.")


class CollectionSerializer(serializers.ModelSerializer[Collection]):
    """A named set of documents; names differ by more than case."""

    class Meta:
        model = Collection
        fields = ("id", "name", "created_at")
        read_only_fields = ("id", "created_at")
