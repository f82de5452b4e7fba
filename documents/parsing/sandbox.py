"""Parse an untrusted file in a limited child process.

The child has no environment, its own session and network namespace, and limits on memory,
processor time and wall time; it gets the open file and gives back text. A plain
subprocess, since a Celery worker's own processes may not have `multiprocessing` children.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from documents.parsing import ocr
from documents.parsing.errors import (
    SCAN_WITHOUT_OCR,
    EmptyFile,
    NoText,
    ParsingError,
    error_for,
)
from documents.parsing.model import (
    DEFAULT,
    PICTURES,
    Heading,
    Limits,
    MediaType,
    PageSpan,
    ParsedText,
)

_ROOT = str(Path(__file__).resolve().parents[2])
_PATH = "import sys; sys.path.insert(0, sys.argv.pop(1)); "
_START = "from documents.parsing.child import main; main()"
# As this process does, a child keeps what it compiles: all of it before a byte of the file is read.
_KEEPS = ("-B",) if sys.dont_write_bytecode else ()
_ANSWER_FACTOR = 6
"""Bytes of JSON that one character may take, headings and pages included."""


def parse(path: Path, media_type: str, *, limits: Limits = DEFAULT) -> ParsedText:
    """Return the file's canonical text, pages and headings.

    Pages without letters, and pictures, are read by text recognition where it is installed, in a
    child of its own with its own limits (`ocr.py`). Blocks until the child ends, at most
    `limits.wall_seconds`. Raises a `ParsingError` whose code says why the file is refused.
    """
    kind = MediaType(media_type)
    if kind in PICTURES:
        return _read(path, kind, ocr.LIMITS)
    try:
        found = _read(path, kind, limits)
    except NoText:
        if kind is not MediaType.PDF:
            raise
        if not ocr.ocr_installed():
            raise NoText(SCAN_WITHOUT_OCR) from None
        return _read(path, kind, ocr.LIMITS)
    if found.unread and ocr.ocr_installed():
        return _read(path, kind, ocr.LIMITS)
    return found


def _read(path: Path, media_type: MediaType, limits: Limits) -> ParsedText:
    arguments = [str(media_type), json.dumps(asdict(limits))]
    cap = limits.characters * _ANSWER_FACTOR + 1_000_000
    output = child_answer(path, _START, arguments, limits=limits, cap=cap)
    try:
        answer: dict[str, Any] = json.loads(output)
    except ValueError:
        raise error_for("corrupt_file") from None
    if "refused" in answer:
        raise error_for(answer["refused"], **answer["extra"])
    return ParsedText(
        text=answer["text"],
        pages=tuple(PageSpan(*page) for page in answer["pages"]),
        headings=tuple(Heading(*heading) for heading in answer["headings"]),
        title=answer["title"],
        recognized=tuple(answer["recognized"]),
        unread=tuple(answer["unread"]),
    )


def child_answer(
    path: Path, start: str, arguments: list[str], *, limits: Limits, cap: int
) -> bytes:
    """Run `start` in a limited child that has the file as its input; return what it writes.

    At most `cap` bytes of it. Raises a `ParsingError` for an empty file and for a child that
    dies, takes too long or needs too much memory.
    """
    with path.open("rb") as source:
        if os.fstat(source.fileno()).st_size == 0:
            raise EmptyFile
        child = subprocess.Popen(
            [
                sys.executable,
                *("-I", *_KEEPS, "-X", "utf8", "-c", _PATH + start, _ROOT),
                *arguments,
            ],
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
            close_fds=True,
        )
    output = b""
    timed_out = False
    try:
        output, timed_out = _collect(child, limits, cap)
    finally:
        peak = _reap(child)
    if timed_out or child.returncode == -signal.SIGXCPU:
        raise error_for("parse_timeout")
    if child.returncode != 0 or not output:
        raise _crash(peak, limits)
    return output


def _collect(child: subprocess.Popen[bytes], limits: Limits, cap: int) -> tuple[bytes, bool]:
    """Read the answer up to its cap; return it, and whether time ran out."""
    assert child.stdout is not None
    deadline = time.monotonic() + limits.wall_seconds
    parts: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                return b"", True
            part = os.read(child.stdout.fileno(), 1 << 20)
            if not part:
                return b"".join(parts), False
            size += len(part)
            if size > cap:
                return b"", False
            parts.append(part)


def _reap(child: subprocess.Popen[bytes]) -> int:
    """End the child and its group, collect it, and return its peak memory in bytes."""
    assert child.stdout is not None
    child.stdout.close()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if _running(child):
            os.killpg(child.pid, signal.SIGKILL)
    try:
        _, status, usage = os.wait4(child.pid, 0)
    except ChildProcessError:  # somebody else in this process collected it
        child.returncode = -signal.SIGKILL if child.returncode is None else child.returncode
        return 0
    child.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * 1024


def _running(child: subprocess.Popen[bytes]) -> bool:
    """Whether the child still runs, without collecting it."""
    options = os.WEXITED | os.WNOWAIT | os.WNOHANG
    return os.waitid(os.P_PID, child.pid, options) is None


def _crash(peak: int, limits: Limits) -> ParsingError:
    """A native parser that dies near the memory limit ran out of it; else the file broke it."""
    return error_for("parse_memory" if peak > limits.memory_bytes * 0.6 else "corrupt_file")
