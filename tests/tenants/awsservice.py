"""A server that says what it is told to, byte for byte, and clients of it like the product's."""

import json
import re
import socket
import struct
import threading
from contextlib import suppress
from typing import Any

import boto3
from botocore.config import Config
from botocore.credentials import Credentials

from tenants.awsway import lean

OLD, NEW = Credentials("AKIDOLD", "secret", "old" * 90), Credentials("AKIDNEW", "secret", "new")
CUT, RESET, SILENT = b"cut", b"reset", b"silent"


def answer(status: int, body: bytes, *more: str) -> bytes:
    head = [
        f"HTTP/1.1 {status} Said",
        "x-amzn-RequestId: r-1",
        f"Content-Length: {len(body)}",
        "Date: Fri, 27 Nov 2026 06:00:00 GMT",
        "Content-Type: application/json",
        *more,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def refusal(status: int, code: str, **more: Any) -> bytes:
    body = json.dumps({"message": "No, not now.", **more}).encode()
    return answer(status, body, f"x-amzn-errortype: {code}:http://x/")


def stream(*frames: bytes, whole: bool = True) -> bytes:
    head = ["HTTP/1.1 200 OK", "Content-Type: application/vnd.amazon.eventstream",
            "x-amzn-RequestId: r-1", "Transfer-Encoding: chunked"]  # fmt: skip
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(frame), frame) for frame in frames)
    end = b"0\r\n\r\n" if whole else b"40\r\nhalf"
    return "\r\n".join(head).encode() + b"\r\n\r\n" + chunks + end


class Service:
    """A server that keeps what it receives and gives the answers that it was given, in turn."""

    def __init__(self) -> None:
        self.received: list[tuple[int, bytes]] = []  # the connection's number, the request
        self.answers: list[bytes] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self.clients: list[Any] = []
        self._open: list[socket.socket] = []
        self._threads[0].start()

    def close(self) -> None:
        for made in self.clients:
            made.close()
        for each in (self._listening, *self._open):
            with suppress(OSError):  # closed by now
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                mine = self._listening.accept()[0]
                self._open.append(mine)
                thread = threading.Thread(target=self._serve, args=(mine, len(self._threads)))
                self._threads.append(thread)
                thread.start()

    def _serve(self, mine: socket.socket, number: int) -> None:
        with suppress(OSError), mine, mine.makefile("rb") as read:
            while line := read.readline():
                head = [line]
                while head[-1] != b"\r\n":
                    head.append(read.readline())
                length = re.search(rb"(?i)content-length: (\d+)", b"".join(head))
                assert length is not None
                self.received.append((number, b"".join(head) + read.read(int(length[1]))))
                said = self.answers.pop(0)
                if said == SILENT:
                    continue
                if said == RESET:
                    mine.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                mine.sendall(said.removeprefix(CUT))
                if said.startswith(CUT):
                    return


def client_of(service: Service | None, url: str = "", patience: float = 30) -> Any:
    """Return a client as `tenants.aws` makes them: each call has its credentials from a hook.

    It waits `patience` seconds for an answer.
    """
    made = boto3.client(
        "bedrock-runtime",
        region_name="eu-central-1",
        endpoint_url=service.url if service else url or None,
        aws_access_key_id="of-the-process",
        aws_secret_access_key="of-the-process",
        config=Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            connect_timeout=3,
            read_timeout=patience,
            user_agent="Boto3/1 Tenantry",
            parameter_validation=False,
            ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]
        ),
    )

    def sign(context: dict[str, Any], **_: Any) -> None:
        context.setdefault("signing", {})["request_credentials"] = OLD

    def sign_again(response: Any, request_dict: dict[str, Any], **_: Any) -> float | None:
        signing = request_dict["context"]["signing"]
        expired = (
            response is not None and response[1].get("Error", {}).get("Code") == "ExpiredToken"
        )
        if not expired or signing["request_credentials"] is NEW:
            return None
        signing["request_credentials"] = NEW
        return 0.0

    made.meta.events.register("before-parameter-build", sign)
    made.meta.events.register_first("needs-retry", sign_again)  # type: ignore[arg-type]
    lean(made)
    if service is not None:
        service.clients.append(made)
    return made
