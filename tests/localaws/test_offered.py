"""What the documentation says is offered is what is offered, and its snippets are those tested."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path

from botocore import xform_name

from .conftest import ROOT

DOCUMENT = (ROOT / "docs" / "localaws.md").read_text()
OPERATIONS = "/_localaws/operations"
SNIPPETS = {
    "boto3": "python",
    "litellm": "python",
    "langchain": "python",
    "javascript": "js",
}


def test_the_table_of_operations_is_the_registry(server):
    offered: dict[str, set[str]] = {}
    for row in server.call("GET", OPERATIONS)["operations"]:
        offered.setdefault(row["service"], set()).add(row["operation"])
    told = {
        row[1]: set(re.findall(r"[A-Z][A-Za-z]+", row[2]))
        for row in re.finditer(r"^\| `([a-z-]+)` \| (.+) \|$", DOCUMENT, re.MULTILINE)
        if row[1] in offered
    }
    assert told == offered


def test_each_operation_is_called_by_a_test(server):
    tests = "".join(path.read_text() for path in sorted(Path(__file__).parent.glob("*.py")))
    offered = {row["operation"] for row in server.call("GET", OPERATIONS)["operations"]}
    assert len(offered) > 50
    called = set(re.findall(r"\.([a-z_]+)\b", tests))
    assert {name for name in offered if xform_name(name) not in called} == set()


def test_each_snippet_is_the_one_that_make_test_clients_runs():
    for name, language in SNIPPETS.items():
        (path,) = (ROOT / "tests" / "clients" / name).glob("quickstart.*")
        assert f"```{language}\n{path.read_text()}```" in DOCUMENT, name


def test_a_browser_finds_an_index(server):
    with urllib.request.urlopen(f"{server.url}/_localaws/", timeout=60) as answer:  # noqa: S310 - our own loopback
        assert answer.headers["Content-Type"].startswith("text/html")
        assert b"/_localaws/requests" in answer.read()
