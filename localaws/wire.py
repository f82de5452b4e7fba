"""HTTP as the services see it: one request, one response, and the undecoded path."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from localaws.identity import Caller

Json = dict[str, Any]
StartResponse = Callable[..., Any]


@dataclass(frozen=True)
class Request:
    """One HTTP request. `segments` are decoded one by one: an ARN in a path holds `%2F`."""

    method: str
    segments: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    caller: Caller
    request_id: str


@dataclass
class Response:
    """One HTTP response; a body that is an iterator is sent chunk by chunk as it is produced."""

    status: int
    body: bytes | Iterator[bytes] = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, payload: Any, status: int = 200) -> Response:
        """A JSON document as the whole body."""
        return cls(status, json.dumps(payload, ensure_ascii=False).encode())

    def send(self, start_response: StartResponse) -> Iterable[bytes]:
        """Answer over WSGI."""
        headers = [("Content-Type", self.content_type), *self.headers.items()]
        if isinstance(self.body, bytes):
            headers.append(("Content-Length", str(len(self.body))))
            start_response(f"{self.status} {_reason(self.status)}", headers)
            return [self.body]
        start_response(f"{self.status} {_reason(self.status)}", headers)
        return self.body


def _reason(status: int) -> str:
    return "OK" if status < 300 else "Error"


def raw_path(environ: Mapping[str, Any]) -> str:
    """The path as it was sent. `PATH_INFO` is decoded and cannot tell `/` from `%2F`."""
    target = str(environ.get("REQUEST_URI") or environ.get("PATH_INFO") or "/")
    if "://" in target:
        target = "/" + target.split("://", 1)[1].partition("/")[2]
    return target.partition("?")[0]


def read_request(environ: Mapping[str, Any], caller: Caller, request_id: str) -> Request:
    """Read the whole of a WSGI request."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body: bytes = environ["wsgi.input"].read(length) if length else b""
    headers = {
        name[5:].replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    headers["content-type"] = str(environ.get("CONTENT_TYPE", ""))
    return Request(
        method=str(environ["REQUEST_METHOD"]),
        segments=tuple(unquote(part) for part in raw_path(environ).strip("/").split("/")),
        query=tuple(parse_qsl(str(environ.get("QUERY_STRING", "")), keep_blank_values=True)),
        headers=headers,
        body=body,
        caller=caller,
        request_id=request_id,
    )
