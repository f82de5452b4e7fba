"""REST: alerts about limits, and when and to whom they are said."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.alertmodels import Alert
from billing.alerts.selectors import alert_settings, alerts_latest, alerts_unread, choices
from billing.alerts.services import alerts_choose, alerts_read
from tenants.accounts.models import role_reaches
from tenants.accounts.selectors import actor_of
from tenants.asked import Asked


class AlertSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Alert.Kind.choices)
    metric = serializers.CharField()
    unit = serializers.CharField()
    period = serializers.CharField()
    threshold = serializers.IntegerField(help_text="Percent of the limit that was passed.")
    used = serializers.FloatField(help_text="When it was noticed.")
    limit = serializers.FloatField()
    member = serializers.CharField(allow_null=True, help_text="Whose allowance it is.")
    text = serializers.CharField()
    at = serializers.DateTimeField()
    unread = serializers.BooleanField()


class AlertChoiceSerializer(Asked):
    """When and to whom alerts are said."""

    thresholds = serializers.DictField(
        child=serializers.ListField(child=serializers.IntegerField(), allow_empty=True),
        help_text="Kind of limit -> percents, 1 to 100, five at most; none: nothing is said."
        " A kind that is left out keeps 80 and 100.",
    )
    to_admins = serializers.BooleanField(help_text="Mail to owners and admins.")
    members = serializers.ListField(
        child=serializers.UUIDField(), help_text="Members who get the mail besides."
    )


class AlertsSerializer(serializers.Serializer[Any]):
    unread = serializers.IntegerField(help_text="Of all; 100 stands for more than 99.")
    results = AlertSerializer(many=True)
    chosen = AlertChoiceSerializer(required=False, help_text="For admins.")


class AlertsReadSerializer(Asked):
    until = serializers.DateTimeField(help_text="`at` of the latest alert that was read.")


class AlertsView(APIView):
    """Alerts about limits."""

    roles: ClassVar = {"GET": "viewer", "PUT": "admin"}

    @extend_schema(operation_id="usage_alerts", responses=AlertsSerializer)
    def get(self, request: Request) -> Response:
        """The latest fifty. Admins see the workspace's, others those of their own allowance."""
        return Response(_told(request))

    @extend_schema(
        operation_id="usage_alerts_choose",
        request=AlertChoiceSerializer,
        responses=AlertsSerializer,
    )
    def put(self, request: Request) -> Response:
        """Choose thresholds and recipients, in force within a minute."""
        given = AlertChoiceSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        alerts_choose(actor=actor_of(request), **given.validated_data)
        return Response(_told(request))


class AlertsReadView(APIView):
    """Having read them."""

    roles: ClassVar = {"POST": "viewer"}

    @extend_schema(
        operation_id="usage_alerts_read", request=AlertsReadSerializer, responses=AlertsSerializer
    )
    def post(self, request: Request) -> Response:
        """Mark what was said up to a moment as read by you; what came later stays unread."""
        given = AlertsReadSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        alerts_read(actor=actor_of(request), until=given.validated_data["until"])
        return Response(_told(request))


def _told(request: Request) -> dict[str, Any]:
    actor = actor_of(request)
    told: dict[str, Any] = {
        "unread": alerts_unread(actor),
        "results": [said.as_json() | {"unread": said.unread} for said in alerts_latest(actor)],
    }
    if role_reaches(actor.role, "admin"):
        chosen = alert_settings()
        told["chosen"] = {
            "thresholds": {choice.kind: choice.percents for choice in choices(chosen)},
            "to_admins": chosen.to_admins,
            "members": chosen.members,
        }
    return told
