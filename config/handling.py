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
from functools import partial
from typing import Any, Final, TypeVar

import structlog
from asgiref.sync import sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.db import connection
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from tenants.afterwards import afterwards_done

R = TypeVar("R")
Answered = asyncio.Future[Any]
log = structlog.get_logger(__name__)

AT_ONCE: Final = 512  # requests in a process; most of them wait for a model
OF_ONE_HOST: Final = 64

_threads = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="request")


async def _aside(work: Callable[[], R]) -> R:
    """Run `work` in one of the threads for requests."""
    return await sync_to_async(work, thread_sensitive=False, executor=_threads)()


def _resolved(answered: Answered, response: HttpResponseBase) -> None:
    if not answered.done():  # else nobody waits for it any more
        answered.set_result(response)


class Handler(ASGIHandler):
    """See the module's docstring."""

    def __init__(self) -> None:
        self.load_middleware(is_async=False)
        self.turns = Turns(OF_ONE_HOST)
        self._working: set[asyncio.Task[None]] = set()  # the loop itself would let go of them

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        answered = asyncio.get_running_loop().create_future()
        work = asyncio.create_task(self._carried_out(scope, body, answered))
        self._working.add(work)
        work.add_done_callback(partial(self._ended, answered))
        try:
            response = await answered
        except asyncio.CancelledError:
            work.cancel()  # it may wait for its turn still
            raise
        if response.streaming:
            try:
                await self._streamed(response, receive, send)
            finally:
                body.close()
        else:
            await self.send_response(response, send)

    async def _carried_out(self, scope: Any, body: Any, answered: Answered) -> None:
        """Carry a request out in its turn, which lasts until its thread is free again."""
        loop = asyncio.get_running_loop()

        def told(response: HttpResponseBase) -> None:
            loop.call_soon_threadsafe(_resolved, answered, response)

        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        try:
            async with self.turns.turn(host.lower()):
                await _aside(lambda: self._answered(scope, body, told))
        except BaseException:
            body.close()
            raise

    def _ended(self, answered: Answered, work: asyncio.Task[None]) -> None:
        """Let whoever waits for an answer hear that there will be none."""
        self._working.discard(work)
        if work.cancelled():
            answered.cancel()
        elif (failed := work.exception()) is None:
            return
        elif answered.done():
            log.error("request.closing_failed", exc_info=failed)
        else:
            answered.set_exception(failed)

    def _answered(self, scope: Any, body: Any, told: Callable[[HttpResponseBase], None]) -> None:
        """Tell the answer, and put away what it took; one that is streamed is not closed."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        with afterwards_done():
            request, refused = self.create_request(scope, body)
            response: Any = refused if request is None else self.get_response(request)
            response._handler_class = self.__class__
            if response.streaming:
                connection.close()
                told(response)
            else:
                told(response)
                connection.close()
                response.close()
                body.close()

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
