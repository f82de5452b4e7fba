"""REST: groups that a collection is shared with."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from search.access import collection_known
from search.filing import group_remove, group_set
from search.models import Right
from search.selectors import collection_groups
from search.serializers import CollectionGroupSerializer, CollectionGroupsSerializer
from tenants.accounts.selectors import actor_of


class CollectionGroupsView(APIView):
    """Groups that a collection is shared with."""

    roles: ClassVar = {"GET": "viewer"}

    @extend_schema(operation_id="collection_groups_list", responses=CollectionGroupsSerializer)
    def get(self, request: Request, collection_id: UUID) -> Response:
        return _told(request, collection_id)


class CollectionGroupView(APIView):
    """One group of a collection."""

    roles: ClassVar = {"PUT": "member", "DELETE": "member"}

    @extend_schema(
        operation_id="collection_groups_set",
        request=CollectionGroupSerializer,
        responses=CollectionGroupsSerializer,
    )
    def put(self, request: Request, collection_id: UUID, group_id: UUID) -> Response:
        """Share it with a group, or change the right; holds from the next search on."""
        given = CollectionGroupSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        actor, right = actor_of(request), Right(given.validated_data["right"])
        group_set(actor=actor, collection_id=collection_id, group_id=group_id, right=right)
        return _told(request, collection_id)

    @extend_schema(operation_id="collection_groups_remove", responses={204: None})
    def delete(self, request: Request, collection_id: UUID, group_id: UUID) -> Response:
        """Take it away from a group, from the next search on."""
        group_remove(actor=actor_of(request), collection_id=collection_id, group_id=group_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _told(request: Request, collection_id: UUID) -> Response:
    collection = collection_known(actor_of(request), collection_id)
    found = {"results": collection_groups(collection)}
    return Response(CollectionGroupsSerializer(found).data)
