"""REST: a workspace's own safety rules."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bedrock.services import safety_restore, safety_set
from bedrock.told import safety_told
from tenants.accounts.selectors import actor_of
from tenants.asked import Asked
from tenants.context import current


class TopicSerializer(Asked):
    """A topic that is not answered."""

    name = serializers.CharField(max_length=100)
    definition = serializers.CharField(max_length=200)
    examples = serializers.ListField(
        child=serializers.CharField(max_length=100), max_length=5, required=False
    )


class SafetyChangeSerializer(Asked):
    """What is left out stays as it is."""

    version = serializers.IntegerField(
        min_value=0, required=False, help_text="The version you looked at; another: 409."
    )
    words = serializers.ListField(
        child=serializers.CharField(max_length=200), max_length=1_000, required=False
    )
    thresholds = serializers.DictField(
        child=serializers.DecimalField(max_digits=4, decimal_places=3), required=False
    )
    least_grounding = serializers.DecimalField(
        max_digits=4, decimal_places=3, required=False, allow_null=True
    )
    topics = TopicSerializer(many=True, required=False)


class RulesVersionSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    changed_at = serializers.DateTimeField()
    posture = serializers.CharField(help_text="Empty: from before it was kept here.")
    words = serializers.IntegerField(help_text="How many.")
    thresholds = serializers.IntegerField(help_text="How many.")
    topics = serializers.IntegerField(help_text="How many.")
    restored_from = serializers.IntegerField(allow_null=True)


class SafetySerializer(serializers.Serializer[Any]):
    """The posture in plain words, the workspace's own rules in force, and earlier versions."""

    posture = serializers.CharField()
    posture_rules = serializers.ListField(child=serializers.CharField())
    guardrail = serializers.DictField(help_text="id, version, and whether it is the workspace's.")
    own_guardrail_state = serializers.CharField(
        help_text="Whether the saved topics are denied by now, in words; empty: there are none."
    )
    version = serializers.IntegerField(help_text="0: no rules of its own.")
    words = serializers.ListField(child=serializers.CharField())
    thresholds = serializers.DictField(child=serializers.FloatField())
    least_grounding = serializers.FloatField(allow_null=True)
    topics = TopicSerializer(many=True)
    topics_offered = serializers.BooleanField()
    history = RulesVersionSerializer(many=True)


class SafetyView(APIView):
    """What is refused in this workspace; admins change its own rules."""

    roles: ClassVar = {"GET": "viewer", "PATCH": "admin"}

    @extend_schema(operation_id="safety_read", responses=SafetySerializer)
    def get(self, request: Request) -> Response:
        """What is refused in this workspace, and its own rules."""
        return Response(SafetySerializer(safety_told(current())).data)

    @extend_schema(
        operation_id="safety_change", request=SafetyChangeSerializer, responses=SafetySerializer
    )
    def patch(self, request: Request) -> Response:
        """Change the workspace's own rules."""
        given = SafetyChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values: dict[str, Any] = dict(given.validated_data)
        least: Decimal | None = values.pop("least_grounding", None)
        safety_set(
            actor=actor_of(request),
            least_grounding=least,
            grounding_given="least_grounding" in given.validated_data,
            expected=values.pop("version", None),
            **values,
        )
        return Response(SafetySerializer(safety_told(current())).data)


class SafetyRestoreView(APIView):
    """Set an earlier version of the rules again, as a new version."""

    roles: ClassVar = {"POST": "admin"}

    @extend_schema(operation_id="safety_restore", request=None, responses=SafetySerializer)
    def post(self, request: Request, version: int) -> Response:
        row = safety_restore(actor=actor_of(request), version=version)
        now = replace(current(), posture=row.posture)
        return Response(SafetySerializer(safety_told(now)).data)
