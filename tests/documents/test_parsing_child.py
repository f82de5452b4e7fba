"""The process that opens an untrusted file has no network, no environment, no way to write."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from documents.parsing import DEFAULT, Limits, MediaType, forking, parse
from documents.parsing.forking import ROOT, Nursery, Told, nursery
from documents.parsing.sandbox import _collected, child_answer
from tests.documents.probing import FORKING, STARTED
from tests.support.waiting import eventually

DESCRIPTORS = Path("/proc/self/fd")
IDLE = "from documents.parsing import nursery; nursery.IDLE_SECONDS = 0.1; nursery.main()"
FORKED = """
import os, pathlib, psutil, sys
from documents.parsing import parse

def read():
    text = parse(pathlib.Path(sys.argv[1]), "text/plain").text
    children = [each for each in psutil.Process().children() if "nursery" in str(each.cmdline())]
    print(text, *(each.pid for each in children), flush=True)

read()
if os.fork() == 0:
    read()
    sys.exit()
os.wait()
read()
"""
BUSY = "[" * 400_000 + "a" + "](" * 400_000  # takes the reader of Markdown for ever


@pytest.fixture
def probing() -> Iterator[Nursery]:
    """A nursery whose children try what they may not."""
    made = Nursery(FORKING)
    try:
        yield made
    finally:
        made.end()


def tried(told: Told | None) -> dict[str, Any]:
    assert told is not None
    assert (told.status, told.timed_out) == (0, False)
    found: dict[str, Any] = json.loads(json.loads(told.output)["text"])
    return found


def forked(nursery: Nursery, path: Path) -> dict[str, Any]:
    with path.open("rb") as source:
        return tried(
            nursery.answer(
                source, MediaType.TEXT, DEFAULT, lambda out: _collected(out, DEFAULT, 10_000)
            )
        )


def started(path: Path) -> dict[str, Any]:
    output = child_answer(path, STARTED, [], limits=DEFAULT, cap=10_000)
    return tried(Told(output, False, 0, 0))


@pytest.mark.parametrize("way", ["forked", "started"])
def test_the_child_can_reach_nothing(way: str, probing: Nursery, tmp_path: Path) -> None:
    target, file = tmp_path / "target", tmp_path / "file"
    target.write_text("untouched")
    with socket.create_server(("127.0.0.1", 0)) as server:
        file.write_text(json.dumps({"port": server.getsockname()[1], "target": str(target)}))
        found = forked(probing, file) if way == "forked" else started(file)
    assert set(found["attempts"].values()) == {"PermissionError"}
    assert set(found["environment"]) <= {"LC_CTYPE"}
    assert found["session"] and found["privileges"]
    memory, seconds = DEFAULT.memory_bytes, DEFAULT.cpu_seconds
    room = memory + 512 * 1024 * 1024  # for what is mapped and shared
    assert found["limits"] == {
        "CPU": [seconds, seconds + 2], "DATA": [memory] * 2, "AS": [room] * 2, "FSIZE": [0, 0],
        "NOFILE": [32, 32], "CORE": [0, 0],
    }  # fmt: skip
    assert found["descriptors"] == ["0", "1", "2", "3"]  # the last lists the others
    assert target.read_text() == "untouched"


def test_no_file_is_read_where_another_was(probing: Nursery, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text(json.dumps({"port": 9, "target": str(tmp_path / "target")}))
    first, second = forked(probing, file), forked(probing, file)
    assert first["process"] != second["process"]
    assert (first["before"], second["before"]) == (0, 0)


def test_what_a_library_starts_ends_with_its_file(probing: Nursery, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text(json.dumps({"port": 9, "target": str(tmp_path / "target"), "stays": True}))
    left = forked(probing, file)["stays"]
    eventually(lambda: not psutil.pid_exists(left) or ended(psutil.Process(left)))


def nurseries() -> list[psutil.Process]:
    """Return those of this process."""
    return [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and any("nursery" in w for w in child.cmdline())
    ]


def test_a_nursery_that_is_gone_is_followed_by_another(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Words.")
    parse(path, MediaType.TEXT)
    (before,) = nurseries()
    before.kill()
    assert parse(path, MediaType.TEXT).text == "Words."
    (after,) = nurseries()
    assert after.pid != before.pid


def test_a_nursery_that_hangs_is_ended_and_followed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forking, "_END_SECONDS", 0.2)
    path, own, limits = tmp_path / "a.txt", Nursery(), Limits(wall_seconds=3)
    path.write_text("Words.")

    def answered(*, hangs: bool) -> Told:
        reading, writing = os.pipe()  # who reads it waits for its end

        def collected(out: int) -> tuple[bytes, bool]:
            if not hangs:
                return _collected(out, limits, 10_000)
            process_of(own).suspend()  # a child has the file; nobody tells what becomes of it
            return b"", True

        with (
            path.open("rb") as whole,
            os.fdopen(reading, "rb") as unending,
            os.fdopen(writing, "wb"),
        ):
            source = unending if hangs else whole
            told = own.answer(source, MediaType.TEXT, limits, collected)
        assert told is not None
        return told

    own._started()
    before = process_of(own)
    before.suspend()
    assert answered(hangs=False).status == 0 and ended(before)
    after = process_of(own)
    assert answered(hangs=True).status == -signal.SIGKILL and ended(after)


def process_of(nursery: Nursery) -> psutil.Process:
    assert nursery._process is not None
    return psutil.Process(nursery._process.pid)


def test_a_nursery_that_dies_takes_the_child_along(tmp_path: Path) -> None:
    path, child = tmp_path / "busy.md", []
    path.write_text(BUSY)

    def collected(out: int) -> tuple[bytes, bool]:
        (process,) = nurseries()
        child.extend(process.children())
        confined = Path(f"/proc/{child[0].pid}/status")
        eventually(lambda: "NoNewPrivs:\t1\n" in confined.read_text())
        process.kill()
        eventually(lambda: ended(child[0]), within=10)
        return _collected(out, DEFAULT, 10_000)

    with path.open("rb") as source:
        told = nursery.answer(source, MediaType.MARKDOWN, DEFAULT, collected)
    assert told is not None
    assert (told.status, told.output, told.timed_out) == (-signal.SIGKILL, b"", False)
    path.write_text("Words.")
    assert parse(path, MediaType.TEXT).text == "Words."


def test_a_child_whose_answer_nobody_takes_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("Words.")
    parse(path, MediaType.MARKDOWN)
    (before,) = nurseries()
    path.write_text(BUSY)

    def given_up(_: int) -> tuple[bytes, bool]:
        raise InterruptedError

    with path.open("rb") as source, pytest.raises(InterruptedError):
        nursery.answer(source, MediaType.MARKDOWN, DEFAULT, given_up)
    assert before.children() == []
    path.write_text("Words.")
    assert parse(path, MediaType.MARKDOWN).text == "Words."
    assert nurseries() == [before]


def test_a_nursery_that_nobody_asks_ends_and_the_next_file_is_read_by_another(
    tmp_path: Path,
) -> None:
    file, idle = tmp_path / "a.txt", Nursery(IDLE)
    file.write_text("Words.")
    try:
        for _ in range(2):
            with file.open("rb") as source:
                told = idle.answer(
                    source, MediaType.TEXT, DEFAULT, lambda out: _collected(out, DEFAULT, 10_000)
                )
            assert told is not None
            assert json.loads(told.output)["text"] == "Words."
            assert idle._process is not None
            assert idle._process.wait(20) == 0
    finally:
        idle.end()


def test_a_process_that_was_forked_has_a_nursery_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Words.")
    command = [sys.executable, "-c", FORKED, str(path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    first, forks, again = ran.stdout.splitlines()
    assert first == again
    assert first.startswith("Words. ") and forks.startswith("Words. ") and first != forks


def test_a_file_is_read_by_itself_where_the_nursery_is_busy(tmp_path: Path) -> None:
    path, meanwhile = tmp_path / "a.txt", []
    path.write_text("Words.")

    def collected(out: int) -> tuple[bytes, bool]:
        meanwhile.append(parse(path, MediaType.TEXT).text)
        return _collected(out, DEFAULT, 10_000)

    with path.open("rb") as source:
        told = nursery.answer(source, MediaType.TEXT, DEFAULT, collected)
    assert told is not None
    assert (told.status, meanwhile) == (0, ["Words."])


def test_what_reads_a_file_ends_with_the_worker(tmp_path: Path) -> None:
    path = tmp_path / "busy.md"
    path.write_text(BUSY)
    script = (
        "import pathlib, sys; from documents.parsing import parse;"
        " parse(pathlib.Path(sys.argv[1]), 'text/markdown')"
    )
    with psutil.Popen([sys.executable, "-c", script, str(path)], cwd=ROOT) as worker:
        eventually(lambda: len(worker.children(recursive=True)) == 2)
        nursery, child = worker.children(recursive=True)
        worker.kill()
    eventually(lambda: ended(nursery) and ended(child))


def ended(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


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
