"""Refuse a body that is larger than any request of the product, before it reaches the disk.

Django's ASGI handler stores a whole body before the first view sees it, so a view's own check comes
too late to protect the disk.
"""

import json
from typing import Any, Final

from documents.uploads import REQUEST_BYTES

PROBLEM: Final = {
    "type": "about:blank",
    "title": "The request is larger than anything this address takes",
    "status": 413,
    "code": "file_too_large",
    "detail": f"A request may hold at most {REQUEST_BYTES // 2**20} MB; send files one by one.",
}


class _TooLarge(Exception):
    """The body went past the bound while it was being read."""


def with_bounded_bodies(application: Any) -> Any:
    """Return the ASGI `application` behind a bound on the size of request bodies."""

    async def bounded(scope: dict[str, Any], receive: Any, send: Any) -> None:
        declared = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
        if declared.isdigit() and int(declared) > REQUEST_BYTES:
            await _refuse(send)
            return
        read = 0

        async def counted() -> Any:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > REQUEST_BYTES:
                raise _TooLarge
            return message

        try:
            await application(scope, counted, send)
        except _TooLarge:  # nothing has been answered: the body is read first
            await _refuse(send)

    return bounded


async def _refuse(send: Any) -> None:
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"connection", b"close"),  # the rest of the body is not read
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(PROBLEM).encode()})
