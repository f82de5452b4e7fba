"""Run the readers of AWS's logs under the ops login, in a process of their own.

As a program it reads a Region's log and may die by SIGKILL at a function of `bedrock.logreading`:
`python -m tests.bedrock.logreader us-east-1 object_put 1 before`.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from tests.support.services import Worker

Manage = Callable[..., str]

ROUND = """
import json
from dataclasses import asdict
from datetime import timedelta
from bedrock.invocations import logged_regions
from bedrock.logmatching import region_match, unlogged_find
from bedrock.logreading import region_read
from bedrock.models import LogFinding, LoggedCall
from billing.sweeper import sweep
from tenants.context import public_scope
grace = timedelta(seconds={grace})
with public_scope("ops"):
    told = {{"swept": sweep(timedelta(0)) if {sweep} else 0}}
    for region in logged_regions():
        told[region] = asdict(region_read(region)) | asdict(region_match(region, grace=grace))
        if {check}:
            told[region] |= unlogged_find(region, grace=grace)
    told["findings"] = [
        [row.kind, row.resolved_at is not None] for row in LogFinding.objects.order_by("created_at")
    ]
    told["calls"] = [
        [row.aws_request_id, row.state, row.operation, row.units, row.content_key]
        for row in LoggedCall.objects.order_by("at")
    ]
print("TOLD", json.dumps(told))
"""


def reading(
    manage: Manage, *, grace: float = 3600, check: bool = False, sweep: bool = False
) -> dict[str, Any]:
    """Let one round of the readers run; return what it did and what then is on record."""
    said = manage("ops", "shell", "-c", ROUND.format(grace=grace, check=check, sweep=sweep))
    told: dict[str, Any] = json.loads(said.split("TOLD ", 1)[1])
    return told


def killed(worker: Worker, *arguments: str) -> None:
    """Read a Region's log in a process that dies on its way."""
    status, said = worker.run("ops", "tests.bedrock.logreader", *arguments)
    assert status == -signal.SIGKILL, said


if __name__ == "__main__":
    region, name, number, when = sys.argv[1:]
    import django

    django.setup()
    from bedrock import logreading
    from tenants.context import public_scope

    real = getattr(logreading, name)
    calls = 0

    def dying(*args: Any, **kwargs: Any) -> Any:
        global calls
        calls += 1
        if calls == int(number) and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if calls == int(number):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(logreading, name, dying)
    with public_scope("ops"):
        logreading.region_read(region)
