"""The demo is completed at every start, and what people made of it stays."""

from __future__ import annotations

import json

from config.demo.seed import DOCUMENTS
from tests.e2e.shelf import API, ready
from tests.support.live import LiveStack

STATUS = "UPDATE registry_tenant SET status = %s WHERE slug = 'initech'"


def test_a_document_that_was_deleted_does_not_come_back(live_stack: LiveStack) -> None:
    file = min((DOCUMENTS / "initech").iterdir())
    with live_stack.http(live_stack.person("initech", "owner")) as client:
        listed = client.get(f"{API}/documents/").raise_for_status().json()["results"]
        [found] = [each["id"] for each in listed if each["name"] == file.name]
        client.delete(f"{API}/documents/{found}/").raise_for_status()
        try:
            live_stack.manage("owner", "seed_demo")
            names = [each["name"] for each in client.get(f"{API}/documents/").json()["results"]]
        finally:
            ready(client, file.name, file.read_bytes())
    assert names
    assert file.name not in names


def test_a_suspended_workspace_is_passed_over_and_an_erased_one_no_longer_told_of(
    live_stack: LiveStack,
) -> None:
    told = {}
    before = json.loads((live_stack.var / "demo.json").read_text())["tenants"]
    for status in ("suspended", "deleted", "active"):
        live_stack.execute(STATUS, status)
        try:
            live_stack.manage("owner", "seed_demo")
            told[status] = json.loads((live_stack.var / "demo.json").read_text())["tenants"]
        finally:
            live_stack.execute(STATUS, "active")
            if status == "deleted":  # its passwords went with it
                _write(live_stack, before)
    assert told["suspended"] == told["active"] == before
    assert [each["slug"] for each in told["deleted"]] == ["acme", "globex"]


def _write(stack: LiveStack, tenants: list[object]) -> None:
    path = stack.var / "demo.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tenants": tenants}))
