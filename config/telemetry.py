"""Where numbers and traces go: `/metrics` for Prometheus, OTLP for a collector of traces.

Processes of one machine share a folder (PROMETHEUS_MULTIPROC_DIR), from which the web answers for
all of them. A process by itself, in a container, serves its own numbers on METRICS_PORT. Traces are
sent where OTEL_EXPORTER_OTLP_ENDPOINT says; without it none are made.
"""

import os
import time
from typing import Any, Final

import redis
from celery.signals import (
    before_task_publish,
    task_failure,
    task_postrun,
    task_prerun,
    task_rejected,
    worker_init,
)
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from opentelemetry import context, propagate, trace
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client import start_http_server as numbers_serve
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from config.env import environment
from tenants.redis import redis_client
from tenants.telemetry import TASKS, span_open

QUEUES: Final = ("default", "provisioning", "ops")


def traces_export(process: str) -> None:
    """Send this process's traces to the collector of the environment, if it names one.

    What sends them is loaded only then.
    """
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(
        resource=Resource.create({"service.name": "tenantry", "service.instance.id": process})
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


class _Queues:
    """How many messages wait in each queue, asked when the numbers are."""

    def collect(self) -> Any:
        waiting = GaugeMetricFamily(
            "tenantry_queue_messages", "Tasks that wait for a worker.", labels=["queue"]
        )
        try:
            for queue in QUEUES:
                waiting.add_metric([queue], redis_client().llen(f"celery:{queue}"))
        except redis.RedisError:
            return  # /readyz says so; the other numbers stand
        yield waiting


def numbers() -> CollectorRegistry:
    """Return what is counted on this machine, or in this process where it counts alone."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def metrics(request: HttpRequest) -> HttpResponse | None:
    """Answer Prometheus, with METRICS_TOKEN as its bearer token; None for anybody else."""
    expected = environment().metrics_token
    given = request.headers.get("Authorization", "")
    if not expected or not constant_time_compare(given, f"Bearer {expected}"):
        return None
    queues = CollectorRegistry()
    queues.register(_Queues())
    return HttpResponse(
        generate_latest(numbers()) + generate_latest(queues), content_type=CONTENT_TYPE_LATEST
    )


@worker_init.connect
def _worker(sender: Any = None, **_: Any) -> None:
    traces_export(str(sender))
    if port := os.environ.get("METRICS_PORT"):
        numbers_serve(int(port), registry=numbers())


@before_task_publish.connect
def _published(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Let the task's span be a child of the span that sends it."""
    if headers is not None:
        propagate.inject(headers)


@task_prerun.connect
def _begun(task: Any = None, **_: Any) -> None:
    request = task.request
    carried = {"traceparent": getattr(request, "traceparent", None) or ""}
    token = context.attach(propagate.extract(carried))
    span = span_open(f"run {task.name}", SpanKind.CONSUMER)
    span.set_attribute("messaging.system", "celery")
    request.telemetry = (time.perf_counter(), span, token)


@task_failure.connect
def _failed(sender: Any = None, exception: BaseException | None = None, **_: Any) -> None:
    if began := getattr(sender.request, "telemetry", None):
        began[1].set_status(StatusCode.ERROR, type(exception).__name__)


@task_rejected.connect
def _rejected(**_: Any) -> None:
    TASKS.labels("unknown", "rejected").observe(0)


@task_postrun.connect
def _ended(task: Any = None, state: str | None = None, **_: Any) -> None:
    began = getattr(task.request, "telemetry", None)
    if began is None:
        return
    start, span, token = began
    TASKS.labels(task.name, (state or "unknown").lower()).observe(time.perf_counter() - start)
    span.end()
    context.detach(token)
