"""Long downloads of the running product are sent while they are made."""

from __future__ import annotations

import json

import httpx

from config.stack.ports import LOOPBACK
from tests.support.live import LiveStack


def test_the_audit_is_exported_part_by_part(live_stack: LiveStack) -> None:
    owner = live_stack.person("acme", "owner")
    session = live_stack.session(owner)
    told = httpx.get(
        f"http://{LOOPBACK}:{live_stack.port}/settings/audit/export/?form=jsonl",
        headers={"Host": f"acme.localhost:{live_stack.port}", "Cookie": f"session={session}"},
        trust_env=False,
        timeout=60,
    )
    assert told.status_code == 200, told.text
    deeds = [json.loads(line)["action"] for line in told.text.splitlines()]
    assert deeds[0] == "audit.export"
    assert "Content-Length" not in told.headers
    said = (live_stack.var / "log" / "web.log").read_text()
    assert "synchronous iterators" not in said
