"""Ask the process that forks children for files (`nursery.py`), and start it where none runs."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from documents.parsing.model import Limits
from documents.parsing.nursery import MESSAGE_BYTES, STOP

ROOT = str(Path(__file__).resolve().parents[2])
_PATH = "import sys; sys.path.insert(0, sys.argv.pop(1)); "
_START = "from documents.parsing.nursery import main; main()"
_END_SECONDS = 10.0

Collect = Callable[[int], tuple[bytes, bool]]
"""Reads an answer from a descriptor; returns it, and whether time ran out."""


def command(start: str, arguments: Sequence[str] = ()) -> list[str]:
    """Return how a limited child of ours is started: without the user's site or environment.

    As this process does, a child keeps what it compiles, before a byte of a file is read.
    """
    keeps = ("-B",) if sys.dont_write_bytecode else ()
    return [sys.executable, "-I", *keeps, "-X", "utf8", "-c", _PATH + start, ROOT, *arguments]


@dataclass(frozen=True, slots=True)
class Told:
    """What a child wrote, whether it ran out of time, its exit status and its peak in bytes."""

    output: bytes
    timed_out: bool
    status: int
    peak: int


class Ended(Exception):
    """The process went away before it took the request."""


class Nursery:
    """The one such process of this one, which has one file read at a time."""

    def __init__(self, start: str = _START) -> None:
        self._start = start
        self._one = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        atexit.register(self.end)
        os.register_at_fork(after_in_child=self._forked)

    def answer(
        self, source: BinaryIO, media_type: str, limits: Limits, collect: Collect
    ) -> Told | None:
        """Have a child read the file; None where another thread's is being read."""
        if not self._one.acquire(blocking=False):
            return None
        request = json.dumps([media_type, asdict(limits)]).encode()
        try:
            return self._answer(source, request, limits, collect)
        except Ended:  # it had been idle for long, or somebody ended it
            self.end()
            return self._answer(source, request, limits, collect)
        finally:
            self._one.release()

    def end(self) -> None:
        """End the process, and the child that it may have."""
        process = self._process
        self._forget()
        if process is not None:
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _forget(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._process = self._socket = None

    def _forked(self) -> None:
        """Leave the process to the one that has started it: this one is a fork of that."""
        if self._process is not None:
            self._process.returncode = 0  # it is not ours to wait for
        self._forget()
        self._one = threading.Lock()

    def _answer(self, source: BinaryIO, request: bytes, limits: Limits, collect: Collect) -> Told:
        asked = self._started()
        asked.settimeout(limits.wall_seconds + _END_SECONDS)
        reading, writing = os.pipe()
        try:
            try:
                socket.send_fds(asked, [request], [source.fileno(), writing])
                begun = asked.recv(MESSAGE_BYTES)
            except OSError as error:
                raise Ended from error
            finally:
                os.close(writing)
            if not begun:
                raise Ended
            output, timed_out = b"", True
            try:
                output, timed_out = collect(reading)
            finally:
                status, peak = self._status(asked)
        finally:
            os.close(reading)
        return Told(output, timed_out, status, peak)

    def _status(self, asked: socket.socket) -> tuple[int, int]:
        """Have the child ended, if it has not, and return its exit status and peak in bytes."""
        with contextlib.suppress(OSError, ValueError):
            asked.settimeout(_END_SECONDS)
            asked.send(STOP)
            status, peak = json.loads(asked.recv(MESSAGE_BYTES))
            return int(status), int(peak)
        self.end()
        return -signal.SIGKILL, 0

    def _started(self) -> socket.socket:
        if self._socket is not None:
            return self._socket
        self._socket, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            self._process = subprocess.Popen(
                command(self._start),
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
                close_fds=True,
            )
        return self._socket


nursery = Nursery()
