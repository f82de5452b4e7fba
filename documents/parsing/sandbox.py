"""Parse an untrusted file in a limited child process.

The child has no environment, its own session and network namespace, and limits on memory,
processor time and wall time; it gets the open file and gives back text. It is forked by a process
that has the readers loaded (`nursery.py`), or a plain subprocess where that is busy and for text
recognition, whose models it would hold for ever. No `multiprocessing`: a Celery worker's own
processes may not have its children.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from documents.parsing import ocr
from documents.parsing.errors import (
    SCAN_WITHOUT_OCR,
    EmptyFile,
    NoText,
    ParsingError,
    error_for,
)
from documents.parsing.forking import Told, command, nursery
from documents.parsing.model import (
    DEFAULT,
    PICTURES,
    Heading,
    Limits,
    MediaType,
    PageSpan,
    ParsedText,
)

_START = "from documents.parsing.child import main; main()"
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
    cap = limits.characters * _ANSWER_FACTOR + 1_000_000
    output = None if limits.recognized_pages else _forked_answer(path, media_type, limits, cap)
    if output is None:
        arguments = [str(media_type), json.dumps(asdict(limits))]
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
    with _opened(path) as source:
        child = subprocess.Popen(
            command(start, arguments),
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
            close_fds=True,
        )
    output, timed_out = b"", False
    try:
        assert child.stdout is not None
        output, timed_out = _collected(child.stdout.fileno(), limits, cap)
    finally:
        peak = _reap(child)
    return _judged(Told(output, timed_out, child.returncode, peak), limits)


def _forked_answer(path: Path, media_type: str, limits: Limits, cap: int) -> bytes | None:
    """Return what a forked child writes of the file; None where none can be had now."""
    with _opened(path) as source:
        told = nursery.answer(
            source, media_type, limits, lambda answer: _collected(answer, limits, cap)
        )
    return None if told is None else _judged(told, limits)


def _opened(path: Path) -> BinaryIO:
    source = path.open("rb")
    if os.fstat(source.fileno()).st_size == 0:
        source.close()
        raise EmptyFile
    return source


def _judged(told: Told, limits: Limits) -> bytes:
    """Return a child's answer, or raise for what became of it instead."""
    if told.timed_out or told.status == -signal.SIGXCPU:
        raise error_for("parse_timeout")
    if told.status != 0 or not told.output:
        raise _crash(told.peak, limits)
    return told.output


def _collected(answer: int, limits: Limits, cap: int) -> tuple[bytes, bool]:
    """Read the answer up to its cap from a pipe; return it, and whether time ran out."""
    deadline = time.monotonic() + limits.wall_seconds
    parts: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(answer, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                return b"", True
            part = os.read(answer, 1 << 20)
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
