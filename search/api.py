"""REST: search and collections."""

from typing import Any, ClassVar, Final
from uuid import UUID, uuid4

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from search.access import collection_known
from search.filing import (
    collection_change,
    collection_create,
    collection_delete,
    member_remove,
    member_set,
)
from search.filters import media_types_of
from search.models import Collection, Right
from search.retrieval import RetrievalScope
from search.selectors import collection_members, collection_overview, collection_shown, search
from search.serializers import (
    CollectionMemberSerializer,
    CollectionMembersSerializer,
    CollectionSerializer,
    ResultsSerializer,
    SearchSerializer,
)
from tenants.accounts.selectors import actor_of


class SearchView(APIView):
    """Find passages by words and meaning."""

    roles: ClassVar = {"POST": "viewer"}
    refused_unread: ClassVar = True

    @extend_schema(request=SearchSerializer, responses=ResultsSerializer)
    def post(self, request: Request) -> Response:
        given = SearchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wanted: dict[str, Any] = given.validated_data
        request_id = uuid4()
        kinds = wanted.get("kinds")
        found = search(
            actor=actor_of(request),
            query=wanted["query"],
            scope=RetrievalScope(
                document_ids=_set(wanted.get("document_ids")),
                collection_ids=_set(wanted.get("collection_ids")),
                media_types=None if kinds is None else media_types_of(kinds),
                owner_ids=_set(wanted.get("owner_ids")),
                added_from=wanted.get("added_from"),
                added_before=wanted.get("added_before"),
                tags=None if wanted.get("tags") is None else frozenset(wanted["tags"]),
            ),
            limit=wanted["limit"],
            request_id=request_id,
        )
        shown = {
            "results": found.passages,
            "read_as": found.words.read_as,
            "request_id": request_id,
        }
        return Response(ResultsSerializer(shown).data)


class CollectionListView(GenericAPIView[Collection]):
    """The collections that you may read or manage, newest first; make one more."""

    roles: ClassVar = {"GET": "viewer", "POST": "member"}
    serializer_class = CollectionSerializer

    @extend_schema(responses=CollectionSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The collections that you may read or manage, newest first."""
        page = self.paginate_queryset(collection_overview(actor_of(request)))
        rows = CollectionSerializer(page, many=True)
        return self.get_paginated_response(rows.data)

    @extend_schema(request=CollectionSerializer, responses={201: CollectionSerializer})
    def post(self, request: Request) -> Response:
        """Make a collection."""
        given = CollectionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        made = collection_create(actor=actor_of(request), **given.validated_data)
        return _collection(request, made.id, status.HTTP_201_CREATED)


class CollectionView(APIView):
    """One collection."""

    roles: ClassVar = {"GET": "viewer", "PATCH": "member", "DELETE": "member"}

    @extend_schema(operation_id="collections_read", responses=CollectionSerializer)
    def get(self, request: Request, collection_id: UUID) -> Response:
        return _collection(request, collection_id)

    @extend_schema(
        operation_id="collections_change",
        request=CollectionSerializer(partial=True),
        responses=CollectionSerializer,
    )
    def patch(self, request: Request, collection_id: UUID) -> Response:
        """Rename it, or open or close it: for its owner and admins."""
        given = CollectionSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        actor = actor_of(request)
        wanted = {key: given.validated_data[key] for key in request.data if key in _CHANGES}
        collection_change(actor=actor, collection_id=collection_id, **wanted)
        return _collection(request, collection_id)

    @extend_schema(operation_id="collections_delete", responses={204: None})
    def delete(self, request: Request, collection_id: UUID) -> Response:
        """Delete it, never its documents; 409 where these would become visible to more people."""
        collection_delete(actor=actor_of(request), collection_id=collection_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


_CHANGES: Final = ("name", "open")


class MemberListView(APIView):
    """Whom a collection is shared with, besides its owner."""

    roles: ClassVar = {"GET": "viewer"}

    @extend_schema(operation_id="collection_members_list", responses=CollectionMembersSerializer)
    def get(self, request: Request, collection_id: UUID) -> Response:
        collection = collection_known(actor_of(request), collection_id)
        return Response(
            CollectionMembersSerializer({"results": collection_members(collection)}).data
        )


class MemberView(APIView):
    """One member of a collection."""

    roles: ClassVar = {"PUT": "member", "DELETE": "member"}

    @extend_schema(
        operation_id="collection_members_set",
        request=CollectionMemberSerializer,
        responses=CollectionMembersSerializer,
    )
    def put(self, request: Request, collection_id: UUID, user_id: UUID) -> Response:
        """Share it with a user, or change the right; holds from the next search on."""
        given = CollectionMemberSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        actor, right = actor_of(request), Right(given.validated_data["right"])
        member_set(actor=actor, collection_id=collection_id, user_id=user_id, right=right)
        collection = collection_known(actor, collection_id)
        return Response(
            CollectionMembersSerializer({"results": collection_members(collection)}).data
        )

    @extend_schema(operation_id="collection_members_remove", responses={204: None})
    def delete(self, request: Request, collection_id: UUID, user_id: UUID) -> Response:
        """Take it away from a user, from the next search on."""
        member_remove(actor=actor_of(request), collection_id=collection_id, user_id=user_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _collection(request: Request, collection_id: UUID, code: int = status.HTTP_200_OK) -> Response:
    shown = collection_shown(actor_of(request), collection_id)
    return Response(CollectionSerializer(shown).data, status=code)


def _set(ids: list[Any] | None) -> frozenset[Any] | None:
    return None if ids is None else frozenset(ids)
