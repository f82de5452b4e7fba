"""A program of a customer's on loopback that takes webhooks and remembers them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Receiver:
    """What came in, and what is answered: `answers` in turn, then 200 for ever."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    location: str = ""
    dribble: threading.Event | None = None  # set: the answer's head never ends before it

    def verify(self, secret: str, which: int = -1) -> bool:
        """Check a message as the specification tells a receiver to, with one secret."""
        headers, body = self.got[which]
        key = base64.b64decode(secret.split("_", 1)[1])
        content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return f"v1,{expected}" in headers["webhook-signature"].split(" ")


@contextmanager
def receiving(*answers: int) -> Iterator[Receiver]:
    """Listen on a free port for the block."""
    told = Receiver(answers=list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status = told.answers.pop(0) if told.answers else 200
            if told.dribble is not None:
                self.wfile.write(b"HTTP/1.0 200 OK\r\n")
                while not told.dribble.wait(0.05):
                    try:
                        self.wfile.write(b"X-More: 1\r\n")
                    except OSError:
                        return
                return
            self.send_response(status)
            if told.location:
                self.send_header("Location", told.location)
            self.end_headers()
            self.wfile.write(b"thank you")

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_port}/hook?from=tenantry"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
