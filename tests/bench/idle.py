"""Many sockets that say nothing, held open from one process as browsers hold them.

Written on bare TCP: a client library would cost more than the servers that are measured.
"""

from __future__ import annotations

import asyncio
import base64
import os
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.stack.ports import LOOPBACK

AT_ONCE = 16  # handshakes
PATIENCE = 60.0  # seconds for one handshake or answer
CLOSE, PING, PONG = 8, 9, 10
LONGEST = 125  # bytes of a frame without an extended length; idle sockets get no others


@dataclass(frozen=True, slots=True)
class Handshake:
    """What one socket asks for."""

    path: str
    headers: Mapping[str, str]

    def request(self) -> bytes:
        """Return it as bytes; compression is offered, as every browser offers it."""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {self.path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in self.headers.items()),
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        ]
        return "\r\n".join([*lines, "", ""]).encode()


class Idle(asyncio.Protocol):
    """One socket: answers pings, and says whether it is open, compressed and alive."""

    def __init__(self, handshake: Handshake) -> None:
        self.handshake = handshake
        self.opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.answered: asyncio.Future[None] | None = None
        self.compressed = False
        self.error = ""
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self.handshake.request())

    def data_received(self, data: bytes) -> None:
        self._got += data
        if not self.opened.done():
            head, found, rest = self._got.partition(b"\r\n\r\n")
            if not found:
                return
            self._got = rest
            self.compressed = b"permessage-deflate" in head
            status = head.split(b"\r\n", 1)[0].decode()
            if " 101 " not in f"{status} ":
                self.error = status
            self.opened.set_result(status)
        while not self.error and len(self._got) >= 2:
            kind, size = self._got[0] & 15, self._got[1] & 127
            if len(self._got) < 2 + size:
                return
            payload, self._got = self._got[2 : 2 + size], self._got[2 + size :]
            self._heard(kind, size, payload)

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = self.error or f"lost: {exc or 'closed by the server'}"
        for waiting in (self.opened, self.answered):
            if waiting is not None and not waiting.done():
                waiting.set_exception(ConnectionError(self.error))

    async def ask(self) -> None:
        """Ping the server and wait for its answer."""
        self.answered = asyncio.get_running_loop().create_future()
        self._say(PING, b"alive?")
        async with asyncio.timeout(PATIENCE):
            await self.answered

    def close(self) -> None:
        """Go away."""
        self._transport.abort()

    def _heard(self, kind: int, size: int, payload: bytes) -> None:
        if size > LONGEST or kind not in (CLOSE, PING, PONG):
            self.error = f"an idle socket got a frame of kind {kind}"
        elif kind == PING:
            self._say(PONG, payload)
        elif kind == CLOSE:
            self.error = f"closed with {int.from_bytes(payload[:2], 'big')}"
        elif self.answered is not None and not self.answered.done():
            self.answered.set_result(None)

    def _say(self, kind: int, payload: bytes) -> None:
        """Send a control frame, masked by zeros."""
        self._transport.write(bytes([128 | kind, 128 | len(payload)]) + bytes(4) + payload)


async def opened(port: int, handshakes: Sequence[Handshake]) -> list[Idle]:
    """Open a socket for each handshake, a few at once; those that failed say why in `error`."""
    room = asyncio.Semaphore(AT_ONCE)
    loop = asyncio.get_running_loop()

    async def one(handshake: Handshake) -> Idle:
        idle = Idle(handshake)
        async with room:
            try:
                async with asyncio.timeout(PATIENCE):
                    await loop.create_connection(lambda: idle, LOOPBACK, port)
                    await idle.opened
            except (OSError, TimeoutError) as error:
                idle.error = idle.error or repr(error)
        return idle

    return await asyncio.gather(*map(one, handshakes))


async def unanswered(sockets: Sequence[Idle]) -> list[str]:
    """Ping each socket; return what is wrong with those that are not open and alive."""
    wrong = [idle.error for idle in sockets if idle.error]
    alive = [idle for idle in sockets if not idle.error]
    found = await asyncio.gather(*(idle.ask() for idle in alive), return_exceptions=True)
    return wrong + [repr(each) for each in found if each is not None]


def files_allow(count: int) -> None:
    """Let this process hold as many sockets. Raises ValueError where the machine does not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count + 200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + 200, hard), hard))
