"""Django's handler of HTTP, with one hop to a thread for each request.

All middleware and views of the product are synchronous. Django's own ASGI handler goes back and
forth between the event loop and a thread eight times for such a request, and begins a new thread,
with a new database wrapper, for each one. Here a request runs from its first middleware to its
closing in one piece, in a thread that served others before; what is streamed is then sent from the
loop.

The threads are shared fairly: of one host at most `OF_ONE_HOST` requests are carried out at once,
the others of that host wait in the order they came. Without it one workspace's slow requests would
take all threads from its neighbours.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from asgiref.sync import sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.db import connection
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

R = TypeVar("R")

AT_ONCE: Final = 512  # requests in a process; most of them wait for a model
OF_ONE_HOST: Final = 64

_threads = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="request")


async def _aside(work: Callable[[], R]) -> R:
    """Run `work` in one of the threads for requests."""
    return await sync_to_async(work, thread_sensitive=False, executor=_threads)()


class Handler(ASGIHandler):
    """See the module's docstring."""

    def __init__(self) -> None:
        self.load_middleware(is_async=False)
        self.turns = Turns(OF_ONE_HOST)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        try:
            host = next((value for name, value in scope["headers"] if name == b"host"), b"")
            async with self.turns.turn(host.lower()):
                response = await _aside(lambda: self._answered(scope, body))
            if response.streaming:
                await self._streamed(response, receive, send)
            else:
                await self.send_response(response, send)
        finally:
            body.close()

    def _answered(self, scope: Any, body: Any) -> HttpResponseBase:
        """Return the answer, closed unless it is streamed; in either case without a connection."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refused = self.create_request(scope, body)
        response: Any = refused if request is None else self.get_response(request)
        response._handler_class = self.__class__
        if not response.streaming:
            response.close()
        connection.close()
        return response  # type: ignore[no-any-return]

    async def _streamed(self, response: HttpResponseBase, receive: Any, send: Any) -> None:
        """Send the parts as they come, until the client leaves."""
        leaving = asyncio.create_task(self.listen_for_disconnect(receive))
        sending = asyncio.create_task(self.send_response(response, send))
        try:
            await asyncio.wait({leaving, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (leaving, sending):
                task.cancel()
            ended = await asyncio.gather(leaving, sending, return_exceptions=True)
            await _aside(response.close)
        for error in ended:
            if isinstance(error, Exception) and not isinstance(error, RequestAborted):
                raise error


class Turns:
    """Lets at most so many of a kind go at once, the others after them in the order they came."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self._going: dict[bytes, int] = {}
        self._waiting: dict[bytes, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, kind: bytes) -> AsyncIterator[None]:
        """Wait for a turn and hold it."""
        if self._going.get(kind, 0) < self.at_once:
            self._going[kind] = self._going.get(kind, 0) + 1
        else:
            await self._next(kind)
        try:
            yield
        finally:
            self._leave(kind)

    async def _next(self, kind: bytes) -> None:
        mine = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(kind, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._leave(kind)  # the turn had come
            raise

    def _leave(self, kind: bytes) -> None:
        """Pass the turn on, or give it back."""
        waiting = self._waiting.get(kind)
        while waiting:
            following = waiting.popleft()
            if not following.done():
                following.set_result(None)
                return
        self._waiting.pop(kind, None)
        self._going[kind] -= 1
        if not self._going[kind]:
            del self._going[kind]
