"""The process that opens an untrusted file has no network, no environment, no way to write."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from documents.parsing import MediaType, parse
from documents.parsing.sandbox import _ROOT

DESCRIPTORS = Path("/proc/self/fd")
PROBE = """
import sys; sys.path.insert(0, {root!r})
import json, os, pathlib, socket, subprocess
from documents.parsing.child import confine
from documents.parsing.model import DEFAULT
confine(DEFAULT)
def attempt(action):
    try:
        action()
    except BaseException as error:
        return type(error).__name__
    return "allowed"
print(json.dumps({{
    "environment": sorted(os.environ),
    "socket": attempt(lambda: socket.create_connection(("127.0.0.1", {port}), 1)),
    "resolve": attempt(lambda: socket.getaddrinfo("localhost", 80)),
    "process": attempt(lambda: subprocess.run(["true"])),
    "fork": attempt(os.fork),
    "shell": attempt(lambda: os.system("true")),
    "write": attempt(lambda: open({target!r}, "w")),
    "descriptor": attempt(lambda: os.open({target!r}, os.O_RDWR | os.O_CREAT)),
    "unlink": attempt(lambda: pathlib.Path({target!r}).unlink()),
}}))
"""


def test_the_child_can_reach_nothing(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("untouched")
    script = PROBE.format(root=_ROOT, port=9, target=str(target))
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", script], env={}, capture_output=True, check=True
    )
    found = json.loads(done.stdout)
    assert set(found.pop("environment")) <= {"LC_CTYPE"}
    assert set(found.values()) == {"PermissionError"}
    assert target.read_text() == "untouched"


def test_secrets_of_the_parent_are_not_in_the_childs_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONSTARTUP", "/nonexistent")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    path = tmp_path / "a.txt"
    path.write_text("Words.")
    assert parse(path, MediaType.TEXT).text == "Words."


def test_starting_the_child_costs_little(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Words.")
    parse(path, MediaType.TEXT)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        parse(path, MediaType.TEXT)
        times.append(time.perf_counter() - started)
    assert min(times) < 0.5


def test_no_descriptor_or_child_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Words.")
    parse(path, MediaType.TEXT)
    before = len(list(DESCRIPTORS.iterdir()))
    children = set(psutil.Process().children(recursive=True))
    for _ in range(5):
        parse(path, MediaType.TEXT)
    assert len(list(DESCRIPTORS.iterdir())) == before
    assert set(psutil.Process().children(recursive=True)) <= children
