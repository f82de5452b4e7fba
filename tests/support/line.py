"""A line to a server, of a port of its own, that can be broken and mended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

LOOPBACK = "127.0.0.1"
PATIENCE = 20  # seconds


class Line:
    """Forwards what comes to `port`; while it is broken, connections there are refused.

    It runs in a thread of its own. `swallows` is how a request begins: the line breaks with the
    first that begins so, before it reaches the server. `loses` is how one begins that the server
    gets, and whose answer is lost after `gives` bytes of it: its connection ends, and where the
    line `breaks`, so do all.
    """

    def __init__(self, to: int) -> None:
        self.to = to
        self.port = 0
        self.swallows = self.loses = b""
        self.gives, self.breaks = 0, False
        self.heard: list[bytes] = []  # the first line of each request
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._listening: asyncio.Server | None = None
        self._breaking: asyncio.Task[None] | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    def mend(self) -> None:
        self._run(self._mend())

    def cut(self) -> None:
        """Close every connection, and take none."""
        self._run(self._cut())

    def end(self) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _mend(self) -> None:
        self._listening = await asyncio.start_server(self._forward, LOOPBACK, self.port)
        self.port = self._listening.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        if self._listening:
            self._listening.close()
            self._listening = None
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(LOOPBACK, self.to)
        ends = {writer, back}
        self._writers |= ends
        losing = asyncio.Event()
        ways = {
            asyncio.create_task(self._carry(reader, back, losing, asked=True)),
            asyncio.create_task(self._carry(there, writer, losing, asked=False)),
        }
        self._tasks |= ways
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for end in ends:
            end.transport.abort()
        self._writers -= ends
        self._tasks -= ways

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        losing: asyncio.Event,
        *,
        asked: bool,
    ) -> None:
        while piece := await reader.read(65536):
            if asked and piece[:5] in (b"GET /", b"POST "):
                self.heard.append(piece.split(b"\r\n")[0])
            if asked and self.swallows and piece.startswith(self.swallows):
                self.swallows = b""
                self._breaking = asyncio.create_task(self._cut())
                return
            if asked and self.loses and piece.startswith(self.loses):
                self.loses = b""
                losing.set()
            if not asked and losing.is_set():
                writer.write(piece[: self.gives])
                await writer.drain()
                if self.breaks:
                    self._breaking = asyncio.create_task(self._cut())
                return
            writer.write(piece)
            await writer.drain()


@contextmanager
def line(to: int) -> Iterator[Line]:
    """A line to the server on that port, whole at first."""
    made = Line(to)
    made.mend()
    try:
        yield made
    finally:
        made.end()
