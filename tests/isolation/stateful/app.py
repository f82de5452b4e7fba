"""The product's ASGI application in this process: requests and sockets as a server gives them.

Requests run as in production: middleware and views in a thread of their own, on a connection that
the pool lends and takes back; so what one request leaves behind meets the next one.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from assistant.frames import ENDS
from config.asgi import application
from tests.isolation.attempts import Headers
from tests.isolation.elsewhere import Talk


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that has ended."""

    status: int
    head: str
    text: str

    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def all(self) -> str:
        """Return everything that the asker sees."""
        return f"{self.head}\n{self.text}"


async def request(
    method: str,
    address: str,
    host: str,
    who: Headers,
    body: bytes = b"",
    *,
    kind: str = "application/json",
    accept: str = "*/*",
) -> Answer:
    """Send a request through the whole application and wait for the response's end."""
    path, _, query = address.partition("?")
    headers = {"host": host, "accept": accept, **{k.lower(): v for k, v in who.items()}}
    if body:
        headers |= {"content-type": kind, "content-length": str(len(body))}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000),
    }  # fmt: skip
    given = False
    started: dict[str, Any] = {}
    parts: list[bytes] = []

    async def receive() -> dict[str, Any]:
        nonlocal given
        if given:  # the client stays until the answer has ended
            await asyncio.get_running_loop().create_future()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
        else:
            parts.append(message.get("body", b""))

    await application(scope, receive, send)
    head = "\n".join(f"{k.decode()}: {v.decode('latin-1')}" for k, v in started["headers"])
    return Answer(started["status"], head, b"".join(parts).decode(errors="replace"))


async def call(method: str, path: str, host: str, who: Headers, given: Any = None) -> Answer:
    """Send a REST request."""
    body = b"" if given is None else json.dumps(given).encode()
    return await request(method, f"/api/v1/{path}", host, who, body)


async def uploaded(host: str, who: Headers, name: str, text: str, **fields: str) -> Answer:
    """Upload a file by REST."""
    mark = uuid4().hex
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in fields.items()
    ]
    parts.append(
        f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: application/octet-stream\r\n\r\n{text}\r\n--{mark}--\r\n"
    )
    body = "".join(parts).encode()
    kind = f"multipart/form-data; boundary={mark}"
    return await request("POST", "/api/v1/documents/", host, who, body, kind=kind)


def socket(conversation: str, host: str, who: Headers) -> Talk:
    """Return a socket to a conversation, not opened yet, from a page of the host."""
    given = {"host": host, "origin": f"http://{host}", **{k.lower(): v for k, v in who.items()}}
    return Talk(conversation, [(name.encode(), value.encode()) for name, value in given.items()])


async def heard(line: Talk, frame: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Send a frame and return those that answer it, up to the one that ends them."""
    await line.say(json.dumps(frame))
    frames: list[dict[str, Any]] = []
    while not frames or not frames[-1]["type"].startswith((*ENDS, "websocket.")):
        frames.append(await line.next())
    return frames
