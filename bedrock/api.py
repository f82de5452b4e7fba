"""REST: what was decided for a request."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bedrock.why import request_explained
from tenants.accounts.selectors import actor_of


class CallSerializer(serializers.Serializer[Any]):
    """One model call: which model served, by which profile, and why that one."""

    call = serializers.IntegerField()
    operation = serializers.CharField()
    feature = serializers.CharField()
    role = serializers.CharField(help_text="small, frontier or embedding; empty for guardrails.")
    reason = serializers.CharField(help_text="Why this role served.")
    model = serializers.CharField()
    model_name = serializers.CharField()
    profile = serializers.CharField()
    service_tier = serializers.CharField()
    guardrail_version = serializers.CharField()
    region = serializers.CharField()


class InterventionSerializer(serializers.Serializer[Any]):
    """What a guardrail or a rule of the workspace did; the text itself is not kept."""

    call = serializers.IntegerField()
    by = serializers.CharField()
    side = serializers.CharField(help_text="input or output")
    policy = serializers.CharField()
    finding = serializers.CharField()
    action = serializers.CharField(help_text="blocked or masked")
    count = serializers.IntegerField()


class ExplainedSerializer(serializers.Serializer[Any]):
    """How a request was answered and what it cost so far."""

    request_id = serializers.UUIDField()
    calls = CallSerializer(many=True)
    interventions = InterventionSerializer(many=True)
    usage = serializers.DictField()
    estimated = serializers.BooleanField(help_text="Some of the usage is reckoned, not counted.")
    attempts = serializers.IntegerField(help_text="Attempts that were or may have been billed.")


class RequestView(APIView):
    """How a request was answered: one's own, for admins everybody's."""

    roles: ClassVar = {"GET": "viewer"}

    @extend_schema(operation_id="requests_read", responses=ExplainedSerializer)
    def get(self, request: Request, request_id: UUID) -> Response:
        found = request_explained(actor_of(request), request_id)
        return Response(ExplainedSerializer(found).data)
