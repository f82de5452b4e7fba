"""A reader that tries what no reader may, and tells what came of it as the file's text.

Limited children run it in place of a real one; the file says where to (`{"port", "target"}`).
"""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import resource
import socket
import subprocess
from collections.abc import Callable
from typing import Any

from documents.parsing import model
from documents.parsing.child import serve
from documents.parsing.model import Limits, PageSpan, ParsedText

FORKING = (
    "from documents.parsing import nursery; from tests.documents import probing;"
    " nursery.reader_for = lambda kind: probing; nursery.main()"
)
STARTED = "from tests.documents.probing import main; main()"

KINDS = ("CPU", "DATA", "AS", "FSIZE", "NOFILE", "CORE")

_read_before = 0


def read(data: bytes, limits: Limits) -> ParsedText:
    """Attempt all of it."""
    global _read_before
    given = json.loads(data)
    target = given["target"]
    text = json.dumps({
        "before": _read_before,
        "process": os.getpid(),
        "session": os.getsid(0) == os.getpid(),
        "descriptors": sorted(each.name for each in pathlib.Path("/proc/self/fd").iterdir()),
        "environment": sorted(os.environ),
        "limits": {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}")) for name in KINDS},
        "privileges": "NoNewPrivs:\t1\n" in pathlib.Path("/proc/self/status").read_text(),
        "stays": _leave_another() if given.get("stays") else 0,
        "attempts": {
            "socket": _attempt(lambda: socket.create_connection(("127.0.0.1", given["port"]), 1)),
            "resolve": _attempt(lambda: socket.getaddrinfo("localhost", 80)),
            "process": _attempt(lambda: subprocess.run(["true"], check=False)),
            "fork": _attempt(os.fork),
            "shell": _attempt(lambda: os.system("true")),  # noqa: S605 - must be refused
            "write": _attempt(lambda: pathlib.Path(target).write_text("")),
            "descriptor": _attempt(lambda: os.open(target, os.O_RDWR | os.O_CREAT)),
            "unlink": _attempt(lambda: pathlib.Path(target).unlink()),
        },
    })  # fmt: skip
    _read_before += 1
    return ParsedText(text, (PageSpan(1, 0, len(text)),))


def _leave_another() -> int:
    """Start a process beside this one, as a library in C could, and return its id."""
    libc = ctypes.CDLL(None)
    other: int = libc.fork()
    while other == 0:
        os.closerange(0, 32)  # nobody waits for what it might still say
        libc.pause()
    return other


def _attempt(action: Callable[[], Any]) -> str:
    try:
        action()
    except BaseException as error:
        return type(error).__name__
    return "allowed"


def main() -> None:
    """Be a child that was started by itself."""
    import sys

    serve(model.DEFAULT, sys.modules[__name__])
