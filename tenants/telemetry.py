"""What the product counts of itself and the traces it writes, by OpenTelemetry's names.

Numbers have no tenant in their labels, which would grow with the customers: what a tenant used
stands in the ledger. A span names the tenant and the request, and never any content.
https://opentelemetry.io/docs/specs/semconv/gen-ai/
"""

import os
from typing import Final

import prometheus_client.values
from billiard import current_process
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind
from prometheus_client import Counter, Gauge, Histogram

from tenants.context import TenantContext, current_or_none
from tenants.logging import request_id


def _process() -> str:
    """Return this process's name in the shared folder: the same after it was started again.

    Named by their ids, processes would leave a file behind with each one that ends.
    """
    name = os.environ.get("PROCESS_NAME") or f"command-{os.getpid()}"
    index = getattr(current_process(), "index", None)
    return name if index is None else f"{name}-{index + 1}"


if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    prometheus_client.values.ValueClass = prometheus_client.values.MultiProcessValue(  # type: ignore[no-untyped-call]
        _process
    )

tracer: Final = trace.get_tracer("tenantry")

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

HTTP_REQUESTS: Final = Histogram(
    "http_server_request_duration_seconds",
    "Requests answered, from the first middleware to the answer.",
    ["http_request_method", "http_route", "http_response_status_code"],
    buckets=_SECONDS,
)
SOCKETS: Final = Gauge(
    "tenantry_sockets_open",
    "Sockets that are open.",
    multiprocess_mode="livesum",
)
TASKS: Final = Histogram(
    "tenantry_task_duration_seconds",
    "Background tasks that ended: ok, failed, retried or rejected.",
    ["task", "outcome"],
    buckets=_SECONDS,
)
MODEL_CALLS: Final = Histogram(
    "gen_ai_client_operation_duration_seconds",
    "Calls of models and guardrails, from admission to settlement, repetitions within.",
    ["gen_ai_operation_name", "gen_ai_request_model", "error_type"],
    buckets=_SECONDS,
)
MODEL_UNITS: Final = Counter(
    "tenantry_model_units_total",
    "Billable units as they were settled: tokens, guardrail text units, queries.",
    ["gen_ai_request_model", "unit"],
)
INTERVENTIONS: Final = Counter(
    "tenantry_guardrail_interventions_total",
    "What guardrails and workspaces' own rules blocked or masked.",
    ["policy", "action"],
)


def span_open(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    above: Context | None = None,
    *,
    tenant: TenantContext | None = None,
) -> Span:
    """Return a new span under `above`, or the one that is current, stamped with tenant and request.

    `tenant` is the entered one unless given. The caller ends it; it need not be in the same thread.
    """
    stamp = {"tenantry.request.id": request_id() or ""}
    if tenant := tenant or current_or_none():
        stamp |= {
            "tenantry.tenant.id": str(tenant.id),
            "tenantry.tenant.plan": tenant.plan,
            "cloud.region": tenant.region,
        }
    return tracer.start_span(name, above, kind=kind, attributes=stamp)
