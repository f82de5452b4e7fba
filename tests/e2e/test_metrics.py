"""`/metrics` of the running product answers for the web and for every worker."""

from __future__ import annotations

import httpx

from config.stack.ports import LOOPBACK
from tests.e2e.shelf import ready
from tests.support.live import LiveStack


def test_tasks_of_the_workers_are_counted_where_prometheus_asks(live_stack: LiveStack) -> None:
    with live_stack.http(live_stack.person("acme", "member")) as member:
        ready(member, "Gauges.txt", b"The gauge at the sluice is read twice a day.")
    token = (live_stack.var / "metrics-token").read_text().strip()
    told = httpx.get(
        f"http://{LOOPBACK}:{live_stack.port}/metrics",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=60,
    )
    assert told.status_code == 200
    lines = dict(line.rsplit(" ", 1) for line in told.text.splitlines() if line[:1] != "#")
    counted = {
        name: float(count)
        for name, count in lines.items()
        if name.startswith("tenantry_task_duration_seconds_count")
    }
    assert any('task="documents.ingest"' in name and count for name, count in counted.items())
    files = sorted(path.name for path in (live_stack.var / "metrics").iterdir())
    assert "histogram_web.db" in files
    assert "histogram_worker-1.db" in files
