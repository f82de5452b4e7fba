"""REST: groups of people."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants.accounts.groups import (
    NAME_CHARACTERS,
    group_add,
    group_create,
    group_delete,
    group_of,
    group_rename,
    group_take,
    groups,
)
from tenants.accounts.models import MemberGroup
from tenants.accounts.selectors import actor_of
from tenants.asked import Asked


class GroupSerializer(Asked):
    """A group; collections are shared with it, and allowances given to it."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(max_length=NAME_CHARACTERS)
    members = serializers.SerializerMethodField(help_text="Ids of who is in it.")
    created_at = serializers.DateTimeField(read_only=True)

    def get_members(self, group: MemberGroup) -> list[UUID]:
        return [each.user_id for each in group.memberships.all()]


class GroupsView(GenericAPIView[MemberGroup]):
    """All groups, the newest first; make one more."""

    roles: ClassVar = {"GET": "viewer", "POST": "admin"}
    serializer_class = GroupSerializer

    @extend_schema(operation_id="groups_list", responses=GroupSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All groups, the newest first."""
        page = self.paginate_queryset(groups().prefetch_related("memberships"))
        return self.get_paginated_response(GroupSerializer(instance=page, many=True).data)

    @extend_schema(
        operation_id="group_create", request=GroupSerializer, responses={201: GroupSerializer}
    )
    def post(self, request: Request) -> Response:
        """Make a group."""
        asked = GroupSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        made = group_create(actor=actor_of(request), name=asked.validated_data["name"])
        return Response(GroupSerializer(made).data, status=status.HTTP_201_CREATED)


class GroupView(APIView):
    """One group."""

    roles: ClassVar = {"PATCH": "admin", "DELETE": "admin"}

    @extend_schema(operation_id="group_change", request=GroupSerializer, responses=GroupSerializer)
    def patch(self, request: Request, group_id: UUID) -> Response:
        """Give it another name."""
        group_of(group_id)
        asked = GroupSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        name = asked.validated_data["name"]
        group = group_rename(actor=actor_of(request), group_id=group_id, name=name)
        return Response(GroupSerializer(group).data)

    @extend_schema(operation_id="group_delete", responses={204: None})
    def delete(self, request: Request, group_id: UUID) -> Response:
        """Delete it; what was shared with it is shared with it no more."""
        group_delete(actor=actor_of(request), group_id=group_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class GroupMemberView(APIView):
    """That somebody is in a group."""

    roles: ClassVar = {"PUT": "admin", "DELETE": "admin"}

    @extend_schema(operation_id="group_members_add", request=None, responses=GroupSerializer)
    def put(self, request: Request, group_id: UUID, user_id: UUID) -> Response:
        """Put a member in; in force from the next request on."""
        group_add(actor=actor_of(request), group_id=group_id, user_id=user_id)
        return Response(GroupSerializer(group_of(group_id)).data)

    @extend_schema(operation_id="group_members_take", responses={204: None})
    def delete(self, request: Request, group_id: UUID, user_id: UUID) -> Response:
        """Take a member out; in force from the next request on."""
        group_take(actor=actor_of(request), group_id=group_id, user_id=user_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
