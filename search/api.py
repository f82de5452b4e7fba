"""REST: search and collections."""

from typing import Any, ClassVar
from uuid import uuid4

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from search.models import Collection
from search.retrieval import RetrievalScope
from search.selectors import collection_list, search
from search.serializers import CollectionSerializer, ResultsSerializer, SearchSerializer
from search.services import collection_create
from tenants.accounts.selectors import actor_of


class SearchView(APIView):
    """Find passages by words and meaning."""

    roles: ClassVar = {"POST": "viewer"}

    @extend_schema(request=SearchSerializer, responses=ResultsSerializer)
    def post(self, request: Request) -> Response:
        given = SearchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wanted: dict[str, Any] = given.validated_data
        request_id = uuid4()
        passages = search(
            actor=actor_of(request),
            query=wanted["query"],
            scope=RetrievalScope(
                document_ids=_set(wanted.get("document_ids")),
                collection_ids=_set(wanted.get("collection_ids")),
            ),
            limit=wanted["limit"],
            request_id=request_id,
        )
        found = {"results": passages, "request_id": request_id}
        return Response(ResultsSerializer(found).data)


class CollectionListView(GenericAPIView[Collection]):
    """The workspace's collections."""

    roles: ClassVar = {"GET": "viewer", "POST": "member"}
    serializer_class = CollectionSerializer

    @extend_schema(responses=CollectionSerializer(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(collection_list(actor_of(request)))
        return self.get_paginated_response(CollectionSerializer(page, many=True).data)

    @extend_schema(request=CollectionSerializer, responses={201: CollectionSerializer})
    def post(self, request: Request) -> Response:
        given = CollectionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        made = collection_create(actor=actor_of(request), name=given.validated_data["name"])
        return Response(CollectionSerializer(made).data, status=status.HTTP_201_CREATED)


def _set(ids: list[Any] | None) -> frozenset[Any] | None:
    return None if ids is None else frozenset(ids)
