"""Server-sent events: the frames of a turn, or of writing, over plain HTTP.

A stream ends when its reader's right does, as a socket closes: when the session or key, the role or
the workspace has ended. A turn goes on without it; writing, which nobody else could read, stops.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import json
import queue
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from tenants.accounts.models import ApiKey, User
from tenants.context import TenantContext, current, in_tenant
from tenants.ended import ended_elsewhere
from tenants.listening import Event, join, leave
from tenants.liveframes import Frame, LiveFrames
from tenants.sockets import group_of, session_actor, workspace_group_of

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


@dataclass(frozen=True, slots=True)
class _Right:
    """By what a reader has come: looked at again when something of theirs has ended."""

    tenant: TenantContext
    user_id: UUID
    role: str
    session_key: str
    key_id: UUID | None

    @classmethod
    def of(cls, request: HttpRequest) -> "_Right":
        user, key = request.user, getattr(request, "auth", None)
        assert isinstance(user, User)  # streams are for those who have signed in
        key_id = key.id if isinstance(key, ApiKey) else None
        return cls(current(), user.id, user.role, request.session.session_key or "", key_id)

    def stands(self) -> bool:
        """Return whether it still is what it was. Call inside the tenant."""
        user: User | None = None
        if self.key_id is None:
            found = session_actor(self.session_key)
            user = found[0] if found else None
        else:
            keys = ApiKey.objects.select_related("user").filter(id=self.key_id, revoked_at=None)
            key = keys.filter(user__is_active=True).first()
            user = key.user if key and not key.expired else None
        return user is not None and (user.id, user.role) == (self.user_id, self.role)


class _Ear:
    """Hears that sockets of a group have to close."""

    def __init__(self, heard: Callable[[], None]) -> None:
        self._heard = heard

    def told(self, event: Event) -> None:
        if event["type"] == "force.close":
            self._heard()


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
    if isinstance(request, ASGIRequest):
        content = _events(frames, gone, _Right.of(request))
    else:
        content = _events_sync(frames)
    response = StreamingHttpResponse(content, content_type=MEDIA_TYPE)
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # nginx: pass each event on at once
    return response


def event(frame: Frame) -> bytes:
    """Return a frame as an event; its id is the frame's number."""
    return f"event: {frame['type']}\nid: {frame['seq']}\ndata: {json.dumps(frame)}\n\n".encode()


async def _stands(right: _Right) -> bool:
    try:
        return await in_tenant(right.tenant, right.stands)
    except Exception as error:
        if await ended_elsewhere(error, right.tenant):
            return False
        raise


async def _events(
    frames: LiveFrames, gone: Callable[[], None] | None, right: _Right
) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[Frame | bool | None] = asyncio.Queue()

    def heard(frame: Frame | None) -> None:
        with suppress(RuntimeError):  # the loop has closed
            loop.call_soon_threadsafe(waiting.put_nowait, frame)

    # False: the workspace has ended; True: something of the reader's has, perhaps another session.
    ears = {
        workspace_group_of(right.tenant): _Ear(lambda: waiting.put_nowait(False)),
        group_of(right.tenant, right.user_id): _Ear(lambda: waiting.put_nowait(True)),
    }
    joined = [loop.create_task(join([group], ear)) for group, ear in ears.items()]
    stop = frames.listen(heard)
    ended = False
    try:
        while not ended:
            try:
                frame = await asyncio.wait_for(waiting.get(), BEAT_SECONDS)
            except TimeoutError:
                yield b": waiting\n\n"
                continue
            if isinstance(frame, bool):
                if frame and await _stands(right):
                    continue
                break
            ended = frame is None
            if frame is not None:
                yield event(frame)
    finally:
        stop()
        if not ended and gone is not None:
            gone()
        await asyncio.gather(*joined)
        for group, ear in ears.items():
            await leave([group], ear)


def _events_sync(frames: LiveFrames) -> Iterator[bytes]:
    waiting: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
    stop = frames.listen(waiting.put)
    try:
        while (frame := waiting.get()) is not None:
            yield event(frame)
    finally:
        stop()
