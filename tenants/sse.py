"""Server-sent events: the frames of a turn, or of writing, over plain HTTP.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import json
import queue
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from tenants.liveframes import Frame, LiveFrames

MEDIA_TYPE: Final = "text/event-stream"
BEAT_SECONDS: Final = 15.0  # a comment after this long without an event keeps proxies from closing


class EventStreamRenderer(JSONRenderer):
    """Lets a client ask for events; what comes before them (a refusal) is still JSON."""

    media_type = MEDIA_TYPE
    format = "event-stream"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return super().render(data, "application/json", renderer_context)


# Of an operation that answers in one piece or with events.
RENDERERS: Final[list[type[BaseRenderer]]] = [JSONRenderer, EventStreamRenderer]


def wants_events(request: Request) -> bool:
    """Return whether the client asked for events."""
    return isinstance(getattr(request, "accepted_renderer", None), EventStreamRenderer)


def event_stream(
    request: HttpRequest, frames: LiveFrames, *, gone: Callable[[], None] | None = None
) -> StreamingHttpResponse:
    """Return a response that ends with the frames; `gone` is called when the client left before.

    Under ASGI no thread waits with the client.
    """
    content: AsyncIterator[bytes] | Iterator[bytes]
    content = _events(frames, gone) if isinstance(request, ASGIRequest) else _events_sync(frames)
    response = StreamingHttpResponse(content, content_type=MEDIA_TYPE)
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # nginx: pass each event on at once
    return response


def event(frame: Frame) -> bytes:
    """Return a frame as an event; its id is the frame's number."""
    return f"event: {frame['type']}\nid: {frame['seq']}\ndata: {json.dumps(frame)}\n\n".encode()


async def _events(frames: LiveFrames, gone: Callable[[], None] | None) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[Frame | None] = asyncio.Queue()

    def heard(frame: Frame | None) -> None:
        with suppress(RuntimeError):  # the loop has closed
            loop.call_soon_threadsafe(waiting.put_nowait, frame)

    stop = frames.listen(heard)
    ended = False
    try:
        while not ended:
            try:
                frame = await asyncio.wait_for(waiting.get(), BEAT_SECONDS)
            except TimeoutError:
                yield b": waiting\n\n"
                continue
            ended = frame is None
            if frame is not None:
                yield event(frame)
    finally:
        stop()
        if not ended and gone is not None:
            gone()


def _events_sync(frames: LiveFrames) -> Iterator[bytes]:
    waiting: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
    stop = frames.listen(waiting.put)
    try:
        while (frame := waiting.get()) is not None:
            yield event(frame)
    finally:
        stop()
