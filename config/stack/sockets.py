"""uvicorn's protocol for sockets, with less of an idle one kept in memory."""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

Message = dict[str, Any]


class SocketProtocol(WebSocketsSansIOProtocol):
    """What uvicorn makes of `ws="websockets-sansio"`, for applications that keep no scope.

    Once the socket is open, the scope is empty and the headers of the handshake are gone.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queue = Messages()  # type: ignore[assignment]
        self.writable = Gate()  # type: ignore[assignment]

    def start_keepalive(self) -> None:
        """Begin to ping; called when the handshake has been answered, which is then forgotten."""
        super().start_keepalive()
        self.scope.clear()  # type: ignore[attr-defined]
        self.request.headers.clear()  # websockets' parser keeps the request as well
        self.response.headers.clear()

    async def send(self, message: Any) -> None:
        """Send as the server does, but cut off whoever has to leave and takes nothing any more."""
        if message["type"] == "websocket.close" and not self.writable.is_set():
            self.transport.abort()
        await super().send(message)


class Messages:
    """A queue for one reader. asyncio's takes 3 KiB, most of it in four empty deques."""

    __slots__ = ("_kept", "_reader")

    def __init__(self) -> None:
        self._kept: list[Message] = []  # few: uvicorn reads on when the last has been taken
        self._reader: asyncio.Future[None] | None = None

    def put_nowait(self, message: Message) -> None:
        self._kept.append(message)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def empty(self) -> bool:
        return not self._kept

    async def get(self) -> Message:
        while not self._kept:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._kept.pop(0)


class Gate:
    """An open or shut gate, as asyncio's Event, which takes 1 KiB."""

    __slots__ = ("_opened",)

    def __init__(self) -> None:
        self._opened: asyncio.Future[None] | None = None

    def is_set(self) -> bool:
        return self._opened is None

    def set(self) -> None:
        if self._opened is not None:
            self._opened.set_result(None)
            self._opened = None

    def clear(self) -> None:
        if self._opened is None:
            self._opened = asyncio.get_running_loop().create_future()

    async def wait(self) -> bool:
        """Wait until it is open. Several may; one that is cancelled takes the others along not."""
        if self._opened is not None:
            await asyncio.shield(self._opened)
        return True
