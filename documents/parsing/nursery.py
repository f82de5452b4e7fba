"""The process that forks a child for each file, its readers loaded before.

A reader takes a fifth of a second to load, a small file far less to read. So one process without
network or environment waits beside each worker, and forks. It never sees a byte of a file: the
child that does is confined as `child.py` says, reads this one file, and ends. `forking.py` asks.

On its standard input is a socket of messages. A request is the media type and the limits, with two
descriptors, the file and where the answer goes. It is answered twice: once the child has begun, and
with its status and peak memory once it has ended. What comes in between, or an end of the socket,
ends the child.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
from typing import Any, NoReturn

from documents.parsing.child import network_leave, reader_for, serve
from documents.parsing.model import Limits, MediaType

MESSAGE_BYTES = 4096
STOP = b"stop"
IDLE_SECONDS = 120.0
"""Without a request for so long it ends; the next one starts another."""


def main() -> None:
    """Serve until the other end closes, or nothing was asked for a while."""
    network_leave()
    asked = socket.socket(fileno=0)
    while True:
        there, _, _ = select.select([asked], [], [], IDLE_SECONDS)
        if not there:
            return
        message, descriptors, _, _ = socket.recv_fds(asked, MESSAGE_BYTES, 2)
        if not message:
            return
        if message == STOP:  # of a child that had just ended
            continue
        media_type, limits = json.loads(message)
        reader = reader_for(MediaType(media_type))
        gc.freeze()  # a collection in a child would copy every page of what is loaded here
        pid = os.fork()
        if pid == 0:
            _read(descriptors, reader, Limits(**limits))
        for descriptor in descriptors:
            os.close(descriptor)
        asked.send(b"begun")
        asked.send(json.dumps(_ended(asked, pid)).encode())


def _read(descriptors: list[int], reader: Any, limits: Limits) -> NoReturn:
    """Be the child: the file is its standard input, and nothing of this process is left to it."""
    os.setsid()
    for place, descriptor in enumerate(descriptors):
        os.dup2(descriptor, place)
        os.close(descriptor)
    try:
        serve(limits, reader)
    finally:
        os._exit(1)


def _ended(asked: socket.socket, pid: int) -> tuple[int, int]:
    """Wait for the child, ending it if told to; return its exit status and peak in bytes."""
    watched = os.pidfd_open(pid)
    try:
        there, _, _ = select.select([watched, asked.fileno()], [], [])
        if watched not in there:
            os.kill(pid, signal.SIGKILL)
            select.select([watched], [], [])
    finally:
        os.close(watched)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)  # whatever it may have started, while the number is its own
    _, status, usage = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024
