"""A mail server on loopback: it speaks enough SMTP for Django's backend (RFC 5321)."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class MailServer:
    """What came in; `busy` connections are turned away first, as by a server that restarts."""

    port: int = 0
    busy: int = 0
    refused: str = ""  # an address that it does not know
    received: list[EmailMessage] = field(default_factory=list)


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Serve until the block ends."""
    kept = MailServer()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            if kept.busy:
                kept.busy -= 1
                self.say("421 Try again later")
                return
            self.say("220 ready")
            while line := self.rfile.readline():
                verb = line[:4].upper()
                if verb == b"RCPT" and kept.refused and kept.refused.encode() in line:
                    self.say("550 no such user")
                    continue
                if verb == b"DATA":
                    self.say("354 go on")
                    self.take()
                elif verb == b"QUIT":
                    self.say("221 bye")
                    return
                self.say("250 done")

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def take(self) -> None:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            message = message_from_bytes(b"".join(lines), policy=policy.default)
            assert isinstance(message, EmailMessage)
            kept.received.append(message)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        kept.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()
