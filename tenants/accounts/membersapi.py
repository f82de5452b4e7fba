"""REST: members and invitations."""

from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants.accounts.invitations import invitations_open
from tenants.accounts.inviting import invitation_create, invitation_revoke
from tenants.accounts.membership import active_set, member_of, role_set
from tenants.accounts.models import Invitation, Role, User
from tenants.accounts.selectors import actor_of
from tenants.asked import Asked
from tenants.errors import Invalid


class MemberSerializer(serializers.Serializer[Any]):
    """Somebody who belongs to the workspace."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()
    role = serializers.ChoiceField(Role.choices)
    active = serializers.BooleanField(source="is_active")
    created_at = serializers.DateTimeField()


class MemberChangeSerializer(Asked):
    """What is to change: one of the two, or both."""

    role = serializers.ChoiceField(Role.choices, required=False)
    active = serializers.BooleanField(required=False)


class InvitationSerializer(Asked):
    """An invitation that waits."""

    id = serializers.UUIDField(read_only=True)
    email = serializers.EmailField()
    role = serializers.ChoiceField(Role.choices, default=Role.MEMBER)
    groups = serializers.ListField(
        child=serializers.CharField(max_length=80),
        required=False,
        write_only=True,
        max_length=50,
        help_text="Names of groups that they join.",
    )
    created_at = serializers.DateTimeField(read_only=True)
    expires_at = serializers.DateTimeField(read_only=True)


class MembersView(GenericAPIView[User]):
    """Everyone who belongs to the workspace, the newest first."""

    roles: ClassVar = {"GET": "viewer"}
    serializer_class = MemberSerializer

    @extend_schema(operation_id="members_list", responses=MemberSerializer(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(User.objects.filter(is_service=False))
        return self.get_paginated_response(MemberSerializer(instance=page, many=True).data)


class MemberView(APIView):
    """Change one member's role, or keep them out."""

    roles: ClassVar = {"PATCH": "admin"}

    @extend_schema(
        operation_id="member_change", request=MemberChangeSerializer, responses=MemberSerializer
    )
    def patch(self, request: Request, user_id: UUID) -> Response:
        member_of(user_id)
        asked = MemberChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        if not wanted:
            raise Invalid(_("Say what to change: role or active."))
        actor, user = actor_of(request), None
        if "role" in wanted:
            user = role_set(actor=actor, user_id=user_id, role=wanted["role"])
        if "active" in wanted:
            user = active_set(actor=actor, user_id=user_id, active=wanted["active"])
        return Response(MemberSerializer(user).data)


class InvitationsView(GenericAPIView[Invitation]):
    """Invitations that wait; invite one more."""

    roles: ClassVar = {"GET": "admin", "POST": "admin"}
    serializer_class = InvitationSerializer

    @extend_schema(operation_id="invitations_list", responses=InvitationSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Invitations that wait for an answer."""
        page = self.paginate_queryset(invitations_open())
        return self.get_paginated_response(InvitationSerializer(instance=page, many=True).data)

    @extend_schema(
        operation_id="invitation_create",
        request=InvitationSerializer,
        responses={201: InvitationSerializer},
    )
    def post(self, request: Request) -> Response:
        """Invite somebody by mail: 500 in 24 hours, then 429 `rate_limited`."""
        asked = InvitationSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        invitation = invitation_create(
            actor=actor_of(request),
            **asked.validated_data,
        )
        return Response(InvitationSerializer(invitation).data, status=status.HTTP_201_CREATED)


class InvitationView(APIView):
    """Take an invitation back."""

    roles: ClassVar = {"DELETE": "admin"}

    @extend_schema(operation_id="invitation_revoke", responses={204: None})
    def delete(self, request: Request, invitation_id: UUID) -> Response:
        invitation_revoke(actor=actor_of(request), invitation_id=invitation_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
