"""REST: the limits that a workspace sets itself, and usage by hour or day."""

from decimal import Decimal
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.limits import limits_told
from billing.monthly import hours, month_usage
from billing.services import allowance_set, budget_set, cap_set
from tenants.accounts.selectors import actor_of
from tenants.asked import Asked
from tenants.errors import Invalid

AMOUNT: dict[str, Any] = {"max_digits": 30, "decimal_places": 6, "min_value": Decimal(0)}


class AmountField(serializers.DecimalField):
    """An amount, or null; an empty text is neither, lest it remove a limit by accident."""

    def run_validation(self, data: Any = empty) -> Any:
        if isinstance(data, str) and not data.strip():
            raise serializers.ValidationError(_("Give an amount, or null to remove it."))
        return super().run_validation(data)


class SumSerializer(Asked):
    """A sum of dollars a month; null removes it."""

    usd = AmountField(allow_null=True, **AMOUNT)


class LimitSerializer(serializers.Serializer[Any]):
    """What may be used a month; null: without limit."""

    model_tokens = serializers.FloatField(allow_null=True)
    spend_usd = serializers.FloatField(allow_null=True)


class MemberLimitSerializer(serializers.Serializer[Any]):
    user_id = serializers.UUIDField()
    email = serializers.CharField()
    own = LimitSerializer(allow_null=True, help_text="null: under the limits of everyone.")
    used_model_tokens = serializers.FloatField()
    used_spend_usd = serializers.FloatField()


class LimitsSerializer(serializers.Serializer[Any]):
    """The running month's limits that the workspace set itself."""

    period = serializers.CharField()
    spend_usd = serializers.FloatField()
    reserved_usd = serializers.FloatField()
    cap_usd = serializers.FloatField(allow_null=True, help_text="At which usage stops.")
    budget_usd = serializers.FloatField(allow_null=True, help_text="It measures; stops nothing.")
    own = LimitSerializer(help_text="Yours.")
    everyone = LimitSerializer(required=False, allow_null=True, help_text="For admins.")
    members = MemberLimitSerializer(many=True, required=False, help_text="For admins.")


class AllowanceSerializer(Asked):
    """A member's allowance; without both amounts it is removed."""

    user_id = serializers.UUIDField(
        allow_null=True,
        help_text="A member's or a group's id; null: every member who has no other allowance.",
    )
    model_tokens = serializers.IntegerField(allow_null=True, default=None, min_value=0)
    spend_usd = AmountField(allow_null=True, default=None, **AMOUNT)


class PointSerializer(serializers.Serializer[Any]):
    start = serializers.CharField(help_text="The day, or the hour's beginning, in UTC.")
    requests = serializers.IntegerField()
    tokens = serializers.IntegerField()
    spend_usd = serializers.FloatField()


class SeriesSerializer(serializers.Serializer[Any]):
    step = serializers.CharField()
    points = PointSerializer(many=True)


class LimitsView(APIView):
    """The cap, the budget and allowances."""

    roles: ClassVar = {"GET": "viewer"}

    @extend_schema(operation_id="usage_limits", responses=LimitsSerializer)
    def get(self, request: Request) -> Response:
        """The sums that bind the workspace and you; for admins, every member's."""
        return Response(limits_told(actor_of(request)))


class CapView(APIView):
    """The sum a month at which usage stops."""

    roles: ClassVar = {"PUT": "owner"}

    @extend_schema(operation_id="usage_cap_set", request=SumSerializer, responses=LimitsSerializer)
    def put(self, request: Request) -> Response:
        """Set or remove it, in force at once: requests beyond it get 402 `quota_exhausted`."""
        cap_set(actor=actor_of(request), usd=_checked(SumSerializer, request)["usd"])
        return Response(limits_told(actor_of(request)))


class BudgetView(APIView):
    """The sum a month that is measured against."""

    roles: ClassVar = {"PUT": "owner"}

    @extend_schema(
        operation_id="usage_budget_set", request=SumSerializer, responses=LimitsSerializer
    )
    def put(self, request: Request) -> Response:
        """Set or remove it. It stops nothing."""
        budget_set(actor=actor_of(request), usd=_checked(SumSerializer, request)["usd"])
        return Response(limits_told(actor_of(request)))


class AllowanceView(APIView):
    """What one member may use a month."""

    roles: ClassVar = {"PUT": "admin"}

    @extend_schema(
        operation_id="usage_allowance_set", request=AllowanceSerializer, responses=LimitsSerializer
    )
    def put(self, request: Request) -> Response:
        """Set or remove it, in force with the member's next request."""
        given = _checked(AllowanceSerializer, request)
        tokens = given["model_tokens"]
        allowance_set(
            actor=actor_of(request),
            user_id=given["user_id"],
            model_tokens=None if tokens is None else Decimal(tokens),
            spend_usd=given["spend_usd"],
        )
        return Response(limits_told(actor_of(request)))


class SeriesView(APIView):
    """Usage over time."""

    roles: ClassVar = {"GET": "viewer"}

    @extend_schema(
        operation_id="usage_series",
        parameters=[
            OpenApiParameter(
                "step",
                str,
                enum=["day", "hour"],
                default="day",
                description="What a point covers.",
            )
        ],
        responses=SeriesSerializer,
    )
    def get(self, request: Request) -> Response:
        """The running month by day, or the last 48 hours by hour."""
        step = request.query_params.get("step", "day")
        if step not in ("day", "hour"):
            raise Invalid(_("The step is day or hour."), errors={"step": [_("Give day or hour.")]})
        parts = month_usage().days if step == "day" else hours()
        points = [
            {
                "start": part.key,
                "requests": part.requests,
                "tokens": part.tokens,
                "spend_usd": float(part.usd),
            }
            for part in parts
        ]
        return Response({"step": step, "points": points})


def _checked(kind: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    given = kind(data=request.data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)
