"""REST: what the workspace has used this month."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.selectors import usage_summary
from tenants.accounts.selectors import actor_of


class MeterSerializer(serializers.Serializer[Any]):
    """One metric of the plan."""

    metric = serializers.CharField(help_text="Stable name, such as model_tokens.")
    label = serializers.CharField()  # type: ignore[assignment]
    used = serializers.FloatField()
    reserved = serializers.FloatField(help_text="Set aside for requests that are running.")
    included = serializers.FloatField(allow_null=True, help_text="null: without limit.")
    unit = serializers.CharField()
    resets_on = serializers.DateField(allow_null=True, help_text="null: a level, never reset.")


class PartSerializer(serializers.Serializer[Any]):
    """A share of the month's usage."""

    requests = serializers.IntegerField()
    tokens = serializers.IntegerField()
    spend_usd = serializers.FloatField()


class FeaturePartSerializer(PartSerializer):
    feature = serializers.CharField()


class ModelPartSerializer(PartSerializer):
    model = serializers.CharField()


class UserPartSerializer(PartSerializer):
    user_id = serializers.UUIDField(allow_null=True, help_text="null: the workspace itself.")
    email = serializers.CharField(allow_blank=True, help_text="Empty for a former member.")
    name = serializers.CharField()


class UsageSerializer(serializers.Serializer[Any]):
    """The running calendar month (UTC), by the database's clock."""

    period = serializers.CharField(help_text="Year and month, such as 2026-11.")
    resets_on = serializers.DateField()
    plan = serializers.CharField()
    plan_name = serializers.CharField()
    meters = MeterSerializer(many=True)
    by_feature = FeaturePartSerializer(many=True)
    by_user = UserPartSerializer(many=True, help_text="Only yourself, unless you are an admin.")
    by_model = ModelPartSerializer(many=True)
    spend_usd = serializers.FloatField()
    forecast_usd = serializers.FloatField(help_text="Expected at the end of the month.")


class UsageView(APIView):
    """What the workspace has used this month, and what is left."""

    roles: ClassVar = {"GET": "viewer"}

    @extend_schema(operation_id="usage", responses=UsageSerializer)
    def get(self, request: Request) -> Response:
        """Meters of the plan, then the month's usage by feature, member and model."""
        return Response(usage_summary(actor_of(request)))
