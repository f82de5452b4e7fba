"""The OpenAPI document: what every operation shares is said once, here."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from billing.ratelimits import HEADERS
from tenants.accounts.idempotency import HEADER


class ProblemSerializer(serializers.Serializer[Any]):
    """An RFC 9457 problem document."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable; decide by this, not by the text.")
    detail = serializers.CharField(help_text="What happened and what to do next.")
    request_id = serializers.CharField(allow_null=True)


RATE_LIMITS = {
    name: {"description": text, "schema": {"type": "string"}} for name, text in HEADERS.items()
} | {
    "Retry-After": {
        "description": "With 429 and 503: the seconds after which the same request can pass.",
        "schema": {"type": "integer"},
    }
}


IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="Yours to choose, a UUID say. Sent again within a day with the same request, it is"
    " answered as the first time (`Idempotency-Replayed: true`) and does nothing twice.",
)


class ContractSchema(AutoSchema):
    """Name the error answers and the headers that every operation can give or take."""

    def get_override_parameters(self) -> list[Any]:
        return [IDEMPOTENCY_KEY] if self.method == "POST" else []

    def query_names(self, method: str) -> list[str]:
        """Return the names of the parameters that the operation takes in its address's query."""
        self.registry, self.method = ComponentRegistry(), method
        self.path = self.path_regex = self.path_prefix = "/"
        found = self._get_parameters()
        return sorted(each["name"] for each in found if each["in"] == "query")

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        problem = self._get_response_for_code(  # type: ignore[no-untyped-call]
            ProblemSerializer, "4XX", media_types=["application/problem+json"], direction=direction
        )
        problem["description"] = "Refused: the code says why, the detail what to do."
        bodies["4XX"] = problem
        for body in bodies.values():
            body["headers"] = body.get("headers", {}) | RATE_LIMITS
        return bodies
