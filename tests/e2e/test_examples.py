"""Every example of the API's reference runs as it is printed: in a shell, and in Python."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, TypeAlias

import httpx
import pytest
from drf_spectacular.generators import SchemaGenerator

from config.exampleanswers import parsed, recorded
from config.reference import Operation, operations
from tests.support import files
from tests.support.live import LiveStack
from tests.support.waiting import eventually

Way: TypeAlias = Callable[[list[Operation], dict[str, str], Path], dict[str, str]]
NOBODY: Final = "00000000-0000-4000-8000-000000000000"
# What is refused of a workspace as it stands, and why.
REFUSED: Final = {
    "actions_decide": 404,  # nothing waits to be confirmed
    "attachments_delete": 404,  # its own example has made a document of it
    "documents_retry": 409,  # the document did not fail
    "factor_remove": 404,  # the owner has no second factor
    "invoice": 404,  # the first month is not over
    "invoice_line": 404,
    "invoice_pdf": 404,
    "plan_choose": 422,  # the plan is the one there is
    "plan_effect": 422,
    "posture_ask": 422,  # an owner may choose it without asking
    "posture_change": 422,  # it is in force
    "posture_withdraw": 404,  # nothing was asked
    "session_end": 404,  # a key has no session
    "shared_read": 404,  # one's own conversation is not shared with oneself
    "uploads_complete": 409,  # no part was sent
    "webhook_create": 400,  # its host is not known where there is no network
    "webhook_replay": 404,  # nothing was delivered yet
}
MADE: Final = {"collections/": "Contracts", "groups/": "Legal"}  # names that are there once
# Prints of each example the last status it got and what it printed; the network's names are the
# shell's, not Python's.
RUN: Final = """
import contextlib, io, json, os, socket, sys, traceback
known = socket.getaddrinfo
socket.getaddrinfo = lambda host, *more, **named: known("127.0.0.1", *more, **named)
for name, text, message in json.load(sys.stdin):
    said, out = "200", io.StringIO()
    os.environ["MESSAGE_ID"] = message
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(text, name, "exec"), {})
    except Exception as error:
        answer = getattr(error, "response", None)
        said = str(answer.status_code) if answer is not None else traceback.format_exc(limit=1)
    print(json.dumps([name, said, out.getvalue()]))
"""


def every() -> list[Operation]:
    """Return all operations; those that take away come last, of inner things before outer ones."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    found = [each for group in operations(schema).values() for each in group]

    def place(each: Operation) -> int:
        deep = each.path.count("/")
        return deep if each.method != "DELETE" else 99 - deep

    return sorted(found, key=place)


def things(client: httpx.Client, name: str) -> dict[str, str]:
    """Make one of each thing that examples name, and return the variables that have their ids."""

    def made(path: str, body: Any = None) -> dict[str, Any]:
        answer = client.post(path, json=body or {})
        assert answer.status_code in (200, 201), (path, answer.text)
        found: dict[str, Any] = answer.json()
        return found

    def first(path: str) -> dict[str, Any]:
        found = client.get(path).json()
        rows: list[dict[str, Any]] = found["results"] if isinstance(found, dict) else found
        return rows[0] if rows else {"id": NOBODY}

    note = {"file": (f"{name}.md", f"# {name}\n\nThe note of {name}.\n")}
    document = client.post("documents/", files=note).json()
    conversation = made("conversations/", {"title": name})
    message = made(f"conversations/{conversation['id']}/messages/", {"text": "hotel limit?"})
    for path, called in MADE.items():
        for row in client.get(path).json()["results"]:
            if row["name"].startswith(called):
                assert client.delete(f"{path}{row['id']}/").status_code == 204
    members = client.get("members/").json()
    member = next(each for each in members["results"] if each["role"] == "member")
    text = made("write/", {"task": "rewrite", "text": f"Please note that {name} is short."})
    attached = client.post(
        f"conversations/{conversation['id']}/attachments/",
        files={"file": ("a.txt", f"What {name} attaches.")},
    ).json()
    waiting = f"conversations/{conversation['id']}/attachments/{attached['id']}/"
    eventually(lambda: client.get(waiting).json()["status"] == "ready")
    return {
        "DOCUMENT_ID": document["id"],
        "CONVERSATION_ID": conversation["id"],
        "MESSAGE_ID": message["id"],
        "QUESTION_ID": message["parent_id"],
        "ATTACHMENT_ID": attached["id"],
        "REQUEST_ID": text["request_id"],
        "TEXT_ID": text["text_id"],
        "USER_ID": member["id"],
        "COLLECTION_ID": made("collections/", {"name": name})["id"],
        "GROUP_ID": made("groups/", {"name": name})["id"],
        "KEY_ID": made("keys/", {"name": name})["id"],
        "PROGRAM_ID": made("service-accounts/", {"name": name})["id"],
        "INVITATION_ID": made("invitations/", {"email": f"{name}@example.com"})["id"],
        "ENDPOINT_ID": made("webhooks/", {"url": f"https://93.184.215.14/{name}"})["id"],
        "UPLOAD_ID": made("documents/uploads/", {"name": f"{name}.pdf", "size": 60_000_000})["id"],
        "INVOICE_ID": first("invoices/")["id"],
        "VERSION": "1",
        "PLAN": "growth",
        "SLUG": "asking",
    } | dict.fromkeys(("SESSION_ID", "FACTOR_ID", "LINE_ID", "DELIVERY_ID", "ACTION_ID"), NOBODY)


def message_of(operation: Operation, env: dict[str, str]) -> str:
    """Return the message that an example is about: a question to edit, else an answer."""
    return env["QUESTION_ID" if operation.id == "messages_edit" else "MESSAGE_ID"]


def in_shell(found: list[Operation], env: dict[str, str], folder: Path) -> dict[str, str]:
    """Run the examples of a shell, one after another; return each one's status."""
    (folder / ".curlrc").write_text('silent\noutput = "answer"\nwrite-out = "%{http_code}"\n')
    script = "\n".join(
        f"MESSAGE_ID={message_of(each, env)}\necho '{each.id}' $({each.curl})" for each in found
    )
    env = env | {"CURL_HOME": str(folder)}
    ran = subprocess.run(
        ["bash"], input=script, env=env, cwd=folder, capture_output=True, text=True, check=True
    )
    return dict(line.split(" ", 1) for line in ran.stdout.splitlines())


def in_python(found: list[Operation], env: dict[str, str], folder: Path) -> dict[str, str]:
    """Run the examples in Python, one after another; return each one's status."""
    ran = printed(found, env, folder)
    known = recorded()
    for name, (status, text) in ran.items():
        if status == "200" and name in known:
            now, then = fields(parsed(text)), fields(known[name])
            same = now[0] == then[0] and (now[1] == then[1] or not (now[1] and then[1]))
            assert same, f"{name}: python -m tests.e2e"
    return {name: status for name, (status, _) in ran.items()}


def fields(value: Any) -> tuple[set[str], set[str]]:
    """Return the names that an answer has at its top, and in the first row of a list."""
    rows = value["results"] if isinstance(value, dict) and "results" in value else value
    first = rows[0] if isinstance(rows, list) and rows else None
    top, row = (set(each) if isinstance(each, dict) else set() for each in (value, first))
    return top, row


def printed(
    found: list[Operation], env: dict[str, str], folder: Path
) -> dict[str, tuple[str, str]]:
    """Run the examples in Python, one after another; return each one's status and answer."""
    ran = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps([[each.id, each.python, message_of(each, env)] for each in found]),
        env=env,
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name: (said, out) for name, said, out in map(json.loads, ran.stdout.splitlines())}


def restored(client: httpx.Client) -> None:
    """Take back what the examples set for the whole workspace."""
    for path in ("usage/cap/", "usage/budget/"):
        assert client.put(path, json={"usd": None}).status_code == 200
    assert client.patch("safety/", json={"words": []}).status_code == 200
    assert client.patch("assistant/settings/", json={"instructions": ""}).status_code == 200
    assert client.patch("data/policy/", json={"days": {"conversations": None}}).status_code == 200


@pytest.mark.parametrize("way", [in_shell, in_python], ids=["shell", "python"])
def test_every_example_runs_as_it_is_printed(
    live_stack: LiveStack, tmp_path: Path, way: Way
) -> None:
    owner = live_stack.person("acme", "owner")
    name = f"example-{token_hex(3)}"
    (tmp_path / "report.pdf").write_bytes(files.long_pdf(1, {1: f"The report of {name}."}))
    found = every()
    with live_stack.http(owner) as client:
        client.base_url = f"{client.base_url}/api/v1/"
        ids = things(client, name)
        env = {"PATH": os.environ["PATH"], "WORKSPACE": owner.url, "KEY": owner.api_key, **ids}
        got = way(found, env, tmp_path)
        restored(client)
    wrong = {
        each.id: got.get(each.id, "nothing")
        for each in found
        if not got.get(each.id, "").startswith(str(REFUSED.get(each.id, 2)))
    }
    assert wrong == {}, wrong
