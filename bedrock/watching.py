"""One metered call as numbers and traces have it, by the conventions for generative AI.

https://opentelemetry.io/docs/specs/semconv/gen-ai/aws-bedrock/
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.trace import Span, SpanKind, StatusCode

from billing.units import Unit
from tenants.telemetry import MODEL_CALLS, MODEL_UNITS, span_open

# The conventions' names of Bedrock's operations.
OPERATIONS: Final = {
    "Converse": "chat",
    "ConverseStream": "chat",
    "InvokeModel": "embeddings",
    "Rerank": "rerank",
    "Retrieve": "retrieval",
    "ApplyGuardrail": "guardrail",
}
SPAN_UNITS: Final = {
    Unit.INPUT: "gen_ai.usage.input_tokens",
    Unit.OUTPUT: "gen_ai.usage.output_tokens",
    Unit.CACHE_READ: "gen_ai.usage.cache_read.input_tokens",
    Unit.CACHE_WRITE: "gen_ai.usage.cache_creation.input_tokens",
}


@dataclass(slots=True)
class ModelWatch:
    """Begun when the call is admitted, ended when it is settled or released; in any thread."""

    operation: str
    model: str
    feature: str
    max_tokens: int | None = None
    error: str = ""
    began: float = field(default_factory=time.perf_counter)
    span: Span = field(init=False)

    def __post_init__(self) -> None:
        self.operation = OPERATIONS.get(self.operation, self.operation)
        self.span = span_open(f"{self.operation} {self.model}", SpanKind.CLIENT)
        self.span.set_attributes(
            {
                "gen_ai.operation.name": self.operation,
                "gen_ai.provider.name": "aws.bedrock",
                "gen_ai.request.model": self.model,
                "tenantry.feature": self.feature,
            }
        )
        if self.max_tokens:
            self.span.set_attribute("gen_ai.request.max_tokens", self.max_tokens)

    def count(self, units: Mapping[Unit, int]) -> None:
        """Add what an attempt was settled at."""
        for unit, amount in units.items():
            if not amount:
                continue
            MODEL_UNITS.labels(self.model, unit.value).inc(amount)
            if name := SPAN_UNITS.get(unit):
                self.span.set_attribute(name, amount)

    def failed(self, code: str) -> None:
        """Note an attempt that failed, by AWS's code; the next one begins with `error` empty."""
        self.error = code
        self.span.add_event("attempt failed", {"error.type": code})

    def end(self) -> None:
        """Close the span and count the call, once."""
        MODEL_CALLS.labels(self.operation, self.model, self.error).observe(
            time.perf_counter() - self.began
        )
        if self.error:
            self.span.set_attribute("error.type", self.error)
            self.span.set_status(StatusCode.ERROR)
        self.span.end()
