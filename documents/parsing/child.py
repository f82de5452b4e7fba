"""The child process that opens an untrusted file: limited, without network or credentials.

It reads the file from standard input, which the parent opened, and writes one JSON answer
to standard output. `sandbox.py` starts it, or `nursery.py` forks it.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import resource
import sys
from typing import Any, BinaryIO, NoReturn

from documents.parsing.model import Limits, MediaType, Refused

_READERS = {
    MediaType.PDF: "pdf",
    MediaType.DOCX: "docx",
    MediaType.PPTX: "slides",
    MediaType.XLSX: "sheets",
    MediaType.MARKDOWN: "markdown",
    MediaType.TEXT: "plain",
    MediaType.HTML: "html",
    MediaType.CSV: "table",
    MediaType.EMAIL: "mail",
    MediaType.PNG: "picture",
    MediaType.JPEG: "picture",
    MediaType.WEBP: "picture",
    MediaType.GIF: "picture",
}
_FORBIDDEN = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.chown",
    "os.truncate",
    "os.kill",
    "os.putenv",
    "shutil.",
    "pty.",
    "urllib.",
    "http.client",
    "ftplib.",
    "smtplib.",
)
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_SIGKILL = 9
_SHARED_LIBRARIES = 512 * 1024 * 1024


def confine(limits: Limits) -> None:
    """Give up what a parser never needs, before the file's first byte is read."""
    # Past the soft limit of processor time comes a signal that tells it from other deaths.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 2))
    for kind, value in (
        (resource.RLIMIT_DATA, limits.memory_bytes),
        (resource.RLIMIT_AS, limits.memory_bytes + _SHARED_LIBRARIES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 32),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    network_leave()
    sys.addaudithook(_refuse)


def network_leave() -> None:
    """Move this process into a network that has nothing in it, where that is permitted."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        # A plain user needs a user namespace first; where neither is permitted the hook remains.
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"{event} is not available to a parser")
    if event == "open":
        mode, flags = arguments[1], arguments[2]
        writes = isinstance(mode, str) and set(mode) & set("wax+")
        if writes or (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
            raise PermissionError("a parser does not write files")


def answer(source: BinaryIO, limits: Limits, reader: Any, *more: Any) -> dict[str, Any]:
    """Read the file and describe the result, or the refusal, in plain values.

    A reader that `SEEKS` gets the open file and need not hold all of it; others get its bytes.
    """
    try:
        data = source if getattr(reader, "SEEKS", False) else source.read()
        parsed = reader.read(data, limits, *more)
    except Refused as refusal:
        return {"refused": refusal.code, "extra": refusal.extra}
    except (MemoryError, RecursionError):
        return {"refused": "parse_memory", "extra": {}}
    except Exception:
        # Whatever a library stumbles over in hostile bytes means one thing to the user.
        return {"refused": "corrupt_file", "extra": {}}
    return {
        "text": parsed.text,
        "title": parsed.title,
        "pages": [[page.number, page.start, page.end] for page in parsed.pages],
        "headings": [[h.level, h.title, h.start] for h in parsed.headings],
        "recognized": parsed.recognized,
        "unread": parsed.unread,
    }


def reader_for(kind: MediaType) -> Any:
    """Load the module that reads a kind of file."""
    return importlib.import_module(f"documents.parsing.readers.{_READERS[kind]}")


def serve(limits: Limits, reader: Any, *more: Any) -> NoReturn:
    """Give up what is not needed, read standard input, answer on standard output, and end."""
    with open(0, "rb", closefd=False) as source, open(1, "wb", closefd=False) as out:
        confine(limits)
        result = answer(source, limits, reader, *more)
        out.write(json.dumps(result, ensure_ascii=False, separators=(",", ":")).encode())
    os._exit(0)  # skips the parser libraries' own clean-up, which may hang on broken files


def main() -> None:
    """Read standard input as the media type in the arguments, and answer.

    Limits that allow recognition have the recognizer loaded first, with its models.
    """
    limits = Limits(**json.loads(sys.argv[2]))
    more: tuple[Any, ...] = ()
    if limits.recognized_pages:
        more = (importlib.import_module("documents.parsing.readers.recognizer").Recognizer(),)
    serve(limits, reader_for(MediaType(sys.argv[1])), *more)
