"""What the documentation says is offered is what is offered, and its snippets are those tested."""

from __future__ import annotations

import re
import urllib.request

from .conftest import ROOT

DOCUMENT = (ROOT / "docs" / "localaws.md").read_text()
SNIPPETS = {
    "boto3": "python",
    "litellm": "python",
    "langchain": "python",
    "javascript": "js",
}


def test_the_table_of_operations_is_the_registry(server):
    offered: dict[str, set[str]] = {}
    for row in server.call("GET", "/_localaws/operations")["operations"]:
        offered.setdefault(row["service"], set()).add(row["operation"])
    told = {
        row[1]: set(re.findall(r"[A-Z][A-Za-z]+", row[2]))
        for row in re.finditer(r"^\| `([a-z-]+)` \| (.+) \|$", DOCUMENT, re.MULTILINE)
        if row[1] in offered
    }
    assert told == offered


def test_each_snippet_is_the_one_that_make_test_clients_runs():
    for name, language in SNIPPETS.items():
        (path,) = (ROOT / "tests" / "clients" / name).glob("quickstart.*")
        assert f"```{language}\n{path.read_text()}```" in DOCUMENT, name


def test_a_browser_finds_an_index(server):
    with urllib.request.urlopen(f"{server.url}/_localaws/", timeout=10) as answer:  # noqa: S310 - our own loopback
        assert answer.headers["Content-Type"].startswith("text/html")
        assert b"/_localaws/requests" in answer.read()
