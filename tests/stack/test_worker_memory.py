"""A worker holds what tasks need: none of the pages that it never serves."""

from __future__ import annotations

import json
import subprocess
import sys

from config.stack.options import REPOSITORY
from tests.support.services import Worker

LOADED = """
import gc, json, sys
from celery.signals import celeryd_after_setup
from config.celery import app
app.loader.init_worker()
celeryd_after_setup.send(sender=None)
print(json.dumps({"modules": sorted(sys.modules), "frozen": gc.get_freeze_count()}))
"""


def test_a_worker_loads_tasks_and_clients_before_it_forks_and_no_pages(worker: Worker) -> None:
    said = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=REPOSITORY, env=worker.environment("app"), capture_output=True, check=True, text=True,
    )  # fmt: skip
    found = json.loads(said.stdout.splitlines()[-1])
    loaded = set(found["modules"])
    assert {"documents.tasks", "botocore.client", "search.services"} <= loaded
    pages = {"config.urls_tenant", "documents.views", "documents.admin", "unfold.admin"}
    seldom = {"opentelemetry.sdk.trace", "reportlab", "dns.resolver"}
    assert not loaded & (pages | seldom)
    assert not {name for name in loaded if ".migrations.0" in name}
    assert found["frozen"] > 100_000
