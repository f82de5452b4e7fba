"""REST: the plans, what each would have cost, and moving between them."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.plans.changing import plan_change, plan_change_cancel, plan_effect, plan_next
from billing.plans.estimates import months_compared, plan_estimates, plans_compared
from billing.plans.views import members
from tenants.accounts.selectors import actor_of
from tenants.context import current


class EstimateSerializer(serializers.Serializer[Any]):
    """What a month's usage costs under a plan, for the whole month or from the first day on."""

    month = serializers.CharField(help_text="Year and month, such as 2026-11.")
    usd = serializers.CharField(help_text="To the cent.")
    would_have_stopped = serializers.ListField(
        child=serializers.CharField(), help_text="What the plan would have refused before its end."
    )


class PlanSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()
    pricing_model = serializers.CharField()
    monthly_usd = serializers.CharField()
    seat_usd = serializers.CharField()
    markup_percent = serializers.CharField()
    current = serializers.BooleanField()
    begins_on = serializers.DateField(allow_null=True, help_text="Of a plan chosen for later.")
    would_cost = EstimateSerializer(many=True)


class PlanListSerializer(serializers.Serializer[Any]):
    results = PlanSerializer(many=True)


class EffectSerializer(serializers.Serializer[Any]):
    """What a change of plan does."""

    plan = serializers.CharField()
    name = serializers.CharField()
    upgrade = serializers.BooleanField(help_text="It begins at once; otherwise with the month.")
    begins = serializers.DateField()
    this_month_usd = serializers.CharField(help_text="More on this month's invoice.")
    monthly_usd = serializers.CharField()
    now = serializers.ListField(child=serializers.CharField())
    gained = serializers.ListField(child=serializers.CharField())
    lost = serializers.ListField(child=serializers.CharField())


class PlansView(APIView):
    """The plans on offer."""

    roles: ClassVar = {"GET": "admin"}

    @extend_schema(operation_id="plans", responses=PlanListSerializer)
    def get(self, request: Request) -> Response:
        """Each plan, with what this month so far and last month would cost under it.

        Only months in which the workspace existed are there.
        """
        count = members()
        estimates = [(month, plan_estimates(month, members=count)) for month in months_compared()]
        later = plan_next()
        return Response(
            {
                "results": [
                    {
                        "code": plan.code,
                        "name": plan.name,
                        "pricing_model": plan.pricing_model,
                        "monthly_usd": str(plan.monthly_price),
                        "seat_usd": str(plan.seat_price),
                        "markup_percent": str(plan.markup_percent),
                        "current": plan.code == current().plan,
                        "begins_on": later[1] if later and later[0] == plan.code else None,
                        "would_cost": [
                            {"month": f"{month:%Y-%m}", **found[plan.code].as_json()}
                            for month, found in estimates
                            if plan.code in found
                        ],
                    }
                    for plan in plans_compared()
                ]
            }
        )


class PlanEffectView(APIView):
    """What moving to a plan would do."""

    roles: ClassVar = {"GET": "owner"}

    @extend_schema(operation_id="plan_effect", responses=EffectSerializer)
    def get(self, request: Request, plan: str) -> Response:
        """What changes now, what is charged, what is gained and lost. Changes nothing."""
        return Response(plan_effect(plan, members=members()).as_json())


class PlanChoiceView(APIView):
    """Choosing a plan."""

    roles: ClassVar = {"POST": "owner"}

    @extend_schema(operation_id="plan_choose", request=None, responses=EffectSerializer)
    def post(self, request: Request, plan: str) -> Response:
        """Move up at once, or down on the first of next month; answers the effect."""
        effect = plan_change(actor=actor_of(request), code=plan, members=members())
        return Response(effect.as_json())


class PlanNextView(APIView):
    """A plan that was chosen for later."""

    roles: ClassVar = {"DELETE": "owner"}

    @extend_schema(operation_id="plan_keep", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Stay on the plan that the workspace is on."""
        plan_change_cancel(actor=actor_of(request))
        return Response(status=204)
