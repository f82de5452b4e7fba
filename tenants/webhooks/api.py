"""REST: webhooks, their deliveries, test and replay. Admins only."""

from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants.accounts.limits import HOOK, attempt_count
from tenants.accounts.selectors import actor_of
from tenants.asked import Asked
from tenants.errors import Invalid
from tenants.webhooks.models import Delivery, Endpoint
from tenants.webhooks.services import (
    delivery_replay,
    endpoint_change,
    endpoint_create,
    endpoint_delete,
    endpoint_of,
    endpoint_test,
    secret_rotate,
)


class WebhookSerializer(Asked):
    """An address that events are sent to; no `events` means all of them."""

    id = serializers.UUIDField(read_only=True)
    url = serializers.CharField(max_length=2000)
    description = serializers.CharField(max_length=120, required=False, allow_blank=True)
    events = serializers.ListField(child=serializers.CharField(max_length=60), required=False)
    enabled = serializers.BooleanField(read_only=True)
    disabled_why = serializers.CharField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)


class WebhookChangeSerializer(Asked):
    """What is to change."""

    url = serializers.CharField(max_length=2000, required=False)
    description = serializers.CharField(max_length=120, required=False, allow_blank=True)
    events = serializers.ListField(child=serializers.CharField(max_length=60), required=False)
    enabled = serializers.BooleanField(required=False)


class WebhookMadeSerializer(WebhookSerializer):
    """A webhook with its secret, which is shown this once."""

    secret = serializers.CharField()


class DeliverySerializer(serializers.Serializer[Any]):
    """One event for one webhook; `id` is its `webhook-id`, the same at every attempt."""

    id = serializers.UUIDField()
    message_id = serializers.CharField()
    event_type = serializers.CharField()
    state = serializers.ChoiceField(Delivery.State.choices)
    attempts = serializers.IntegerField()
    log = serializers.JSONField()
    body = serializers.CharField()
    created_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(allow_null=True)


class WebhooksView(GenericAPIView[Endpoint]):
    """The workspace's webhooks; make one more."""

    roles: ClassVar = {"GET": "admin", "POST": "admin"}
    serializer_class = WebhookSerializer

    @extend_schema(operation_id="webhooks_list", responses=WebhookSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The workspace's webhooks."""
        page = self.paginate_queryset(Endpoint.objects.all())
        return self.get_paginated_response(WebhookSerializer(instance=page, many=True).data)

    @extend_schema(
        operation_id="webhook_create",
        request=WebhookSerializer,
        responses={201: WebhookMadeSerializer},
    )
    def post(self, request: Request) -> Response:
        """Make a webhook; its secret is shown in this answer alone."""
        asked = WebhookSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        endpoint, secret = endpoint_create(actor=actor_of(request), **asked.validated_data)
        return Response(_made(endpoint, secret), status=status.HTTP_201_CREATED)


class WebhookView(APIView):
    """One webhook."""

    roles: ClassVar = {"GET": "admin", "PATCH": "admin", "DELETE": "admin"}

    @extend_schema(operation_id="webhook", responses=WebhookSerializer)
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        return Response(WebhookSerializer(endpoint_of(actor_of(request), endpoint_id)).data)

    @extend_schema(
        operation_id="webhook_change",
        request=WebhookChangeSerializer,
        responses=WebhookSerializer,
    )
    def patch(self, request: Request, endpoint_id: UUID) -> Response:
        """Change what you send of it."""
        actor = actor_of(request)
        endpoint_of(actor, endpoint_id)
        asked = WebhookChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        if not asked.validated_data:
            raise Invalid(_("Say what to change: url, events, description or enabled."))
        changed = endpoint_change(actor=actor, endpoint_id=endpoint_id, **asked.validated_data)
        return Response(WebhookSerializer(changed).data)

    @extend_schema(operation_id="webhook_delete", responses={204: None})
    def delete(self, request: Request, endpoint_id: UUID) -> Response:
        """Delete it with its deliveries."""
        endpoint_delete(actor=actor_of(request), endpoint_id=endpoint_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class WebhookSecretView(APIView):
    """A new secret; the one before signs too for a day."""

    roles: ClassVar = {"POST": "admin"}

    @extend_schema(operation_id="webhook_rotate", request=None, responses=WebhookMadeSerializer)
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        return Response(_made(*secret_rotate(actor=actor_of(request), endpoint_id=endpoint_id)))


class WebhookTestView(APIView):
    """Send a test event."""

    roles: ClassVar = {"POST": "admin"}

    @extend_schema(operation_id="webhook_test", request=None, responses={202: DeliverySerializer})
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        actor = actor_of(request)
        attempt_count(HOOK, request, str(actor.user_id))
        sent = endpoint_test(actor=actor, endpoint_id=endpoint_id)
        return Response(DeliverySerializer(sent).data, status=status.HTTP_202_ACCEPTED)


class DeliveriesView(GenericAPIView[Delivery]):
    """What was sent to a webhook in the last 30 days, newest first."""

    roles: ClassVar = {"GET": "admin"}
    serializer_class = DeliverySerializer

    @extend_schema(operation_id="webhook_deliveries", responses=DeliverySerializer(many=True))
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        endpoint = endpoint_of(actor_of(request), endpoint_id)
        page = self.paginate_queryset(endpoint.deliveries.all())
        return self.get_paginated_response(DeliverySerializer(instance=page, many=True).data)


class DeliveryReplayView(APIView):
    """Send an event again under its own `webhook-id`."""

    roles: ClassVar = {"POST": "admin"}

    @extend_schema(operation_id="webhook_replay", request=None, responses={202: DeliverySerializer})
    def post(self, request: Request, endpoint_id: UUID, delivery_id: UUID) -> Response:
        actor = actor_of(request)
        attempt_count(HOOK, request, str(actor.user_id))
        sent = delivery_replay(actor=actor, endpoint_id=endpoint_id, delivery_id=delivery_id)
        return Response(DeliverySerializer(sent).data, status=status.HTTP_202_ACCEPTED)


def _made(endpoint: Endpoint, secret: str) -> dict[str, Any]:
    return {**WebhookSerializer(endpoint).data, "secret": secret}
