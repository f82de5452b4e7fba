"""REST: postures compared and changed, the bench, interventions over time."""

from dataclasses import replace
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bedrock.bench import bench
from bedrock.comparing import aspects, differences
from bedrock.counts import interventions_by_day
from bedrock.postureguard import STRICTNESS, loosening_role
from bedrock.posturing import open_request, posture_ask, posture_withdraw
from bedrock.safetyapi import SafetySerializer
from bedrock.services import newest, posture_set
from bedrock.told import safety_told
from tenants.accounts.selectors import actor_of
from tenants.asked import Asked
from tenants.context import current


class PostureChangeSerializer(Asked):
    posture = serializers.ChoiceField(choices=STRICTNESS)
    version = serializers.IntegerField(
        min_value=0, required=False, help_text="The version you looked at; another: 409."
    )


class PostureAskSerializer(Asked):
    posture = serializers.ChoiceField(choices=STRICTNESS)
    reason = serializers.CharField(max_length=500)


class PosturesSerializer(serializers.Serializer[Any]):
    """The postures from the loosest to the strictest, and what a switch to each changes."""

    in_force = serializers.CharField()
    version = serializers.IntegerField()
    aspects = serializers.ListField(child=serializers.DictField())
    switches = serializers.ListField(
        child=serializers.DictField(),
        help_text="posture, needs (admin, owner or staff), differences.",
    )
    request = serializers.DictField(allow_null=True, help_text="The request that waits, if any.")


class BenchAskSerializer(Asked):
    text = serializers.CharField(max_length=5_000)
    side = serializers.ChoiceField(choices=("input", "output"), default="input")


class BenchSerializer(serializers.Serializer[Any]):
    """What each posture and the own rules would do; the calls are metered as `bench`."""

    request_id = serializers.UUIDField()
    usd = serializers.CharField()
    tried = serializers.ListField(
        child=serializers.DictField(),
        help_text="name, in_force, verdict (passes, masked, blocked), text, guardrail, found.",
    )


class InterventionDaySerializer(serializers.Serializer[Any]):
    date = serializers.DateField()
    total = serializers.IntegerField()
    blocked = serializers.IntegerField()
    masked = serializers.IntegerField()
    policies = serializers.DictField(child=serializers.IntegerField())


class PostureView(APIView):
    """The postures compared; PUT moves to another one."""

    roles: ClassVar = {"GET": "admin", "PUT": "admin"}

    @extend_schema(operation_id="posture_read", responses=PosturesSerializer)
    def get(self, request: Request) -> Response:
        """The postures compared."""
        tenant, waiting = current(), open_request()
        told = {
            "in_force": tenant.posture,
            "version": newest(tenant).version,
            "aspects": [{"name": each.name, **each.told} for each in aspects()],
            "switches": [
                {
                    "posture": name,
                    "needs": loosening_role(tenant, name) or "staff",
                    "differences": [
                        {"name": d.name, "before": d.before, "after": d.after,
                         "stricter": d.stricter}
                        for d in differences(tenant.posture, name)
                    ],
                }
                for name in STRICTNESS
                if name != tenant.posture
            ],
            "request": waiting
            and {"posture": waiting.posture, "state": waiting.state, "reason": waiting.reason},
        }  # fmt: skip
        return Response(PosturesSerializer(told).data)

    @extend_schema(
        operation_id="posture_change",
        request=PostureChangeSerializer,
        responses=SafetySerializer,
    )
    def put(self, request: Request) -> Response:
        """Move to another posture."""
        given = PostureChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        row = posture_set(
            actor=actor_of(request),
            posture=given.validated_data["posture"],
            expected=given.validated_data.get("version"),
        )
        now = replace(current(), posture=row.posture)
        return Response(SafetySerializer(safety_told(now)).data)


class PostureAskView(APIView):
    """Ask staff for a looser posture, or take the request back."""

    roles: ClassVar = {"POST": "admin", "DELETE": "admin"}

    @extend_schema(operation_id="posture_ask", request=PostureAskSerializer, responses={202: None})
    def post(self, request: Request) -> Response:
        """Ask staff for a looser posture."""
        given = PostureAskSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        posture_ask(actor=actor_of(request), **given.validated_data)
        return Response(status=202)

    @extend_schema(operation_id="posture_withdraw", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Take the request back."""
        posture_withdraw(actor=actor_of(request))
        return Response(status=204)


class BenchView(APIView):
    """Try a text against every posture and the workspace's own rules."""

    roles: ClassVar = {"POST": "admin"}

    @extend_schema(operation_id="bench", request=BenchAskSerializer, responses=BenchSerializer)
    def post(self, request: Request) -> Response:
        given = BenchAskSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        found = bench(actor=actor_of(request), **given.validated_data)
        tried = [
            {
                "name": each.name,
                "in_force": each.in_force,
                "verdict": each.verdict,
                "text": each.text,
                "guardrail": each.guardrail,
                "found": [
                    {"policy": f.policy, "finding": f.finding, "action": f.action,
                     "detail": f.detail}
                    for f in each.found
                ],
            }
            for each in found.tried
        ]  # fmt: skip
        told = {"request_id": found.request_id, "usd": found.usd, "tried": tried}
        return Response(BenchSerializer(told).data)


class InterventionsView(APIView):
    """How often guardrails and rules stepped in, each of the last thirty days."""

    roles: ClassVar = {"GET": "admin"}

    @extend_schema(
        operation_id="interventions_list", responses=InterventionDaySerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        return Response(InterventionDaySerializer(interventions_by_day(), many=True).data)
