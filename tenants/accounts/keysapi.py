"""REST: API keys and service accounts."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants.accounts.keys import KeyTerms, api_key_create, api_key_revoke, key_found
from tenants.accounts.models import ApiKey, Role, User
from tenants.accounts.programs import program_create, program_delete, program_of
from tenants.accounts.selectors import actor_of
from tenants.asked import Asked


class KeySerializer(Asked):
    """A key, without its secret. No `scopes`: everything that its user may."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(max_length=120)
    prefix = serializers.CharField(read_only=True)
    scopes = serializers.ListField(
        child=serializers.CharField(max_length=40),
        required=False,
        allow_null=True,
        help_text="What the key may be used for; left out or null: everything that its user may. "
        "An empty list is refused.",
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    allowance_usd = serializers.DecimalField(
        max_digits=12,
        decimal_places=2,
        required=False,
        allow_null=True,
        help_text="A month, in US dollars; none: without limit.",
    )
    user_id = serializers.UUIDField(
        required=False, help_text="A service account's; none: one's own."
    )
    created_at = serializers.DateTimeField(read_only=True)
    last_used_at = serializers.DateTimeField(read_only=True, allow_null=True)


class KeyMadeSerializer(KeySerializer):
    """A key with its secret, which is shown this once."""

    secret = serializers.CharField()


class ProgramSerializer(Asked):
    """A service account: a program that belongs to the workspace."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(max_length=120)
    role = serializers.ChoiceField(Role.choices, default=Role.MEMBER)
    created_at = serializers.DateTimeField(read_only=True)


class KeysView(GenericAPIView[ApiKey]):
    """One's own keys that are not revoked; make one more."""

    roles: ClassVar = {"GET": "viewer", "POST": "viewer"}
    serializer_class = KeySerializer

    @extend_schema(operation_id="keys_list", responses=KeySerializer(many=True))
    def get(self, request: Request) -> Response:
        """Your own keys that are not revoked."""
        owner: Any = request.user
        page = self.paginate_queryset(ApiKey.objects.filter(user=owner, revoked_at=None))
        return self.get_paginated_response(KeySerializer(instance=page, many=True).data)

    @extend_schema(
        operation_id="key_create", request=KeySerializer, responses={201: KeyMadeSerializer}
    )
    def post(self, request: Request) -> Response:
        """Make a key; it is shown in this answer alone."""
        asked = KeySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted, actor = asked.validated_data, actor_of(request)
        user_id = wanted.get("user_id", actor.user_id)
        user: Any = request.user if user_id == actor.user_id else program_of(actor, user_id)
        key, secret = api_key_create(
            actor=actor,
            user=user,
            name=wanted["name"],
            terms=KeyTerms(
                scopes=wanted.get("scopes"),
                expires_at=wanted.get("expires_at"),
                allowance_usd=wanted.get("allowance_usd"),
            ),
        )
        made = {**KeySerializer(key).data, "secret": secret}
        return Response(made, status=status.HTTP_201_CREATED)


class KeyView(APIView):
    """Revoke a key of one's own, or, as an admin, of a service account."""

    roles: ClassVar = {"DELETE": "viewer"}

    @extend_schema(operation_id="key_revoke", responses={204: None})
    def delete(self, request: Request, key_id: UUID) -> Response:
        actor = actor_of(request)
        api_key_revoke(actor=actor, key=key_found(actor, key_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ProgramsView(GenericAPIView[User]):
    """The workspace's service accounts; make one more."""

    roles: ClassVar = {"GET": "admin", "POST": "admin"}
    serializer_class = ProgramSerializer

    @extend_schema(operation_id="programs_list", responses=ProgramSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The workspace's service accounts."""
        page = self.paginate_queryset(User.objects.filter(is_service=True, is_active=True))
        return self.get_paginated_response(ProgramSerializer(instance=page, many=True).data)

    @extend_schema(
        operation_id="program_create",
        request=ProgramSerializer,
        responses={201: ProgramSerializer},
    )
    def post(self, request: Request) -> Response:
        """Make a service account."""
        asked = ProgramSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        made = program_create(actor=actor_of(request), **asked.validated_data)
        return Response(ProgramSerializer(made).data, status=status.HTTP_201_CREATED)


class ProgramView(GenericAPIView[ApiKey]):
    """A service account's keys; delete it with them."""

    roles: ClassVar = {"GET": "admin", "DELETE": "admin"}
    serializer_class = KeySerializer

    @extend_schema(operation_id="program_keys", responses=KeySerializer(many=True))
    def get(self, request: Request, program_id: UUID) -> Response:
        """A service account's keys."""
        program = program_of(actor_of(request), program_id)
        page = self.paginate_queryset(ApiKey.objects.filter(user=program, revoked_at=None))
        return self.get_paginated_response(KeySerializer(instance=page, many=True).data)

    @extend_schema(operation_id="program_delete", responses={204: None})
    def delete(self, request: Request, program_id: UUID) -> Response:
        """Delete a service account with its keys."""
        program_delete(actor=actor_of(request), user_id=program_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
