"""The web by itself: what it counts, and the traces a collector gets, which hold no content."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from config.stack.ports import free_port
from tests.stack.test_containers import ends, started
from tests.support.cast import MAX
from tests.support.services import Worker
from tests.support.waiting import eventually

TOKEN = "a-token-that-only-prometheus-knows-of"
CANARY = "pelican-7731"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """A collector on loopback: its address, and the bodies it has got."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()
    server.server_close()


def spans(bodies: list[bytes]) -> dict[str, dict[str, Any]]:
    """Return each span's attributes by its name, with its trace."""
    found: dict[str, dict[str, Any]] = {}
    for body in bodies:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    values = {
                        each.key: each.value.string_value or each.value.int_value
                        for each in span.attributes
                    }
                    found[span.name] = {**values, "trace": span.trace_id}
    return found


def test_a_text_is_counted_and_traced_without_its_text(
    worker: Worker, tmp_path: Path, collector: tuple[str, list[bytes]]
) -> None:
    address, bodies = collector
    port, log = free_port(), tmp_path / "web.log"
    env = {
        **worker.environment("app"),
        "LISTEN_PORT": str(port),
        "METRICS_TOKEN": TOKEN,
        "OTEL_EXPORTER_OTLP_ENDPOINT": address,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    base = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return httpx.get(f"{base}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    with started("web", env, log) as process:
        eventually(ready, within=60)
        headers = {"Host": f"{MAX.host}:8000", "Authorization": f"Bearer {MAX.key}"}
        asked = {"task": "rewrite", "text": f"Nobody has ever seen the {CANARY}."}
        answer = httpx.post(f"{base}/api/v1/write/", json=asked, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        for given in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": f"Bearer {MAX.key}"},
        ):
            refused = httpx.get(
                f"{base}/metrics", headers={"Host": headers["Host"], **given}, timeout=60
            )
            assert refused.status_code == 404
        told = httpx.get(
            f"{base}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60
        )
        assert told.status_code == 200
        eventually(lambda: "POST api/v1/write/" in spans(bodies))
        ends(process)

    lines = dict(line.rsplit(" ", 1) for line in told.text.splitlines() if line[:1] != "#")
    route = 'http_request_method="POST",http_response_status_code="200",http_route="api/v1/write/"'
    assert lines[f"http_server_request_duration_seconds_count{{{route}}}"] == "1.0"
    chatted = [
        name
        for name in lines
        if name.startswith("gen_ai_client_operation_duration_seconds_count") and '"chat"' in name
    ]
    assert chatted
    assert 'tenantry_queue_messages{queue="default"}' in lines
    assert "acme" not in told.text
    assert CANARY not in told.text

    traced = spans(bodies)
    request = traced["POST api/v1/write/"]
    calls = {name: each for name, each in traced.items() if "gen_ai.operation.name" in each}
    assert calls
    for call in calls.values():
        assert call["trace"] == request["trace"]
        assert call["gen_ai.provider.name"] == "aws.bedrock"
        assert call["tenantry.feature"]
        assert call["tenantry.tenant.plan"] == "growth"
    assert any(call.get("gen_ai.usage.input_tokens") for call in calls.values())
    assert not any(CANARY.encode() in body for body in bodies)
