"""The assistant's socket: one conversation of one user, on as many devices as they like.

Frames go straight from the turn to the socket. The channel layer only tells that a turn has begun
in another process, and that the user has to leave. A socket owns nothing: it may close at any
moment, and the turn goes on.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, ClassVar, Final, TypeVar
from uuid import UUID

from channels.exceptions import DenyConnection
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError

from assistant.access import conversation_of
from assistant.answering import answer
from assistant.clientframes import client_frame
from assistant.errors import error_members, foreseen
from assistant.following import frames_elsewhere, frames_of
from assistant.frames import ENDS, Frame, first_seq, turn_of
from assistant.runner import RunningTurn, running_in, turn_group, turn_run, turn_stop, watch
from assistant.selectors import Missed, missed_since
from assistant.services import thorough_checked, turn_again, turn_begin, turn_decide, turn_edit
from assistant.watchkeeper import socket_closed, socket_opened
from tenants.context import Actor, TenantContext, entered, in_public, in_tenant
from tenants.errors import Forbidden, TenantryError, TenantUnavailable
from tenants.registry.selectors import tenant_by_id
from tenants.sockets import SIGNED_OUT, group_of, still_valid, workspace_group_of

R = TypeVar("R")
DENIED: Final = 4404


class _SignedOut(Exception):
    """The socket's right has ended; it closes without a frame."""


def _staff_refuse(actor: Actor, frame: str) -> None:
    """Staff on a visit read; where they may write, they still decide on no action of a user's."""
    if actor.staff_id is None or frame == "resume":
        return
    if not actor.writes or frame == "confirm":
        raise Forbidden("Staff may look here, and not do this.")


class AssistantConsumer(AsyncWebsocketConsumer):
    """See the module's docstring; frames are described in docs/assistant.md."""

    handlers: ClassVar[dict[str, str]] = {
        "ask": "_ask",
        "stop": "_stop",
        "regenerate": "_regenerate",
        "edit": "_edit",
        "confirm": "_confirm",
        "resume": "_resume",
    }

    async def connect(self) -> None:
        """Admit the owner of the conversation; refuse the handshake to everybody else."""
        self.tenant: TenantContext = self.scope["tenant"]
        self.conversation_id: UUID = self.scope["url_route"]["kwargs"]["conversation_id"]
        self.last = 0
        self.following: list[asyncio.Task[None]] = []
        self.unwatch: Callable[[], None] | None = None
        self.leaving: asyncio.Task[None] | None = None
        self.joined: tuple[str, ...] = ()
        actor: Actor = self.scope["actor"]
        try:
            await in_tenant(self.tenant, conversation_of, actor, self.conversation_id)
        except TenantryError as error:
            raise DenyConnection from error
        assert actor.user_id is not None  # sockets belong to people
        joined = (
            workspace_group_of(self.tenant),
            group_of(self.tenant, actor.user_id),
            turn_group(self.tenant, self.conversation_id),
        )
        for group in joined:
            await self.channel_layer.group_add(group, self.channel_name)
        self.joined = joined
        loop = asyncio.get_running_loop()

        def begun(running: RunningTurn) -> None:
            loop.call_soon_threadsafe(self._follow_here, running)

        self.unwatch = watch(self.conversation_id, begun)
        socket_opened(self)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        """Forget the socket. The turn it may have begun goes on, and is settled, without it."""
        if self.unwatch is not None:
            self.unwatch()
        socket_closed(self)
        self._unfollow()
        for group in self.joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Do what the client asks; whatever goes wrong is told in an `error` frame."""
        try:
            frame = client_frame(text_data)
            _staff_refuse(self.scope["actor"], frame["type"])
            await getattr(self, self.handlers[frame["type"]])(frame)
        except _SignedOut:
            await self.sign_out()
        except Exception as error:
            await self._own(error_members(foreseen(error)))

    async def sign_out(self) -> None:
        """Close the socket because its right has ended; nothing more is sent on it."""
        self._unfollow()
        with suppress(OSError):  # what servers raise for a socket whose reader has gone meanwhile
            await self.close(code=SIGNED_OUT)

    def leave(self) -> None:
        """Sign out without waiting: a reader who takes nothing off the line can hold that up."""
        if self.leaving is None:
            self.leaving = asyncio.get_running_loop().create_task(self.sign_out())

    async def force_close(self, _event: dict[str, Any]) -> None:
        """The user was signed out or disabled, or the workspace suspended, in whichever process."""
        await self.sign_out()

    async def turn_begun(self, event: dict[str, Any]) -> None:
        """A turn has begun in some process; those of this one are followed already."""
        number = event["number"]
        here = running_in(self.conversation_id)
        if here is not None and here.turn.number >= number:
            return
        if turn_of(self.last) >= number:
            return
        frames = frames_elsewhere(
            self.tenant, self.conversation_id, number, max(self.last, first_seq(number))
        )
        self._follow(frames)

    # What clients send

    async def _ask(self, frame: Frame) -> None:
        await self._begin(
            frame,
            lambda actor: turn_begin(
                actor=actor,
                conversation_id=self.conversation_id,
                text=frame["text"],
                attachment_ids=frame.get("attachment_ids", []),
            ),
        )

    async def _regenerate(self, frame: Frame) -> None:
        await self._begin(
            frame,
            lambda actor: turn_again(
                actor=actor,
                conversation_id=self.conversation_id,
                message_id=frame["message_id"],
            ),
        )

    async def _edit(self, frame: Frame) -> None:
        await self._begin(
            frame,
            lambda actor: turn_edit(
                actor=actor,
                conversation_id=self.conversation_id,
                message_id=frame["message_id"],
                text=frame["text"],
            ),
        )

    async def _begin(self, frame: Frame, begin: Callable[[Actor], Any]) -> None:
        def begun(actor: Actor) -> tuple[Actor, bool, Any]:
            thorough = thorough_checked(frame.get("thorough", False), "assistant")
            return actor, thorough, begin(actor)

        actor, thorough, turn = await self._allowed(begun)
        turn_run(self.tenant, actor, turn, answer, thorough=thorough)  # tells this socket too

    async def _stop(self, _frame: Frame) -> None:
        await self._allowed(lambda _actor: turn_stop(self.conversation_id))

    async def _confirm(self, frame: Frame) -> None:
        await self._begin(
            frame,
            lambda actor: turn_decide(
                actor=actor,
                conversation_id=self.conversation_id,
                action_id=frame["action_id"],
                approve=frame["approve"],
            ),
        )

    async def _resume(self, frame: Frame) -> None:
        missed = await self._allowed(
            lambda _actor: missed_since(self.conversation_id, frame["after"])
        )
        self._unfollow()
        self.last = frame["after"]
        self._follow(self._since(missed, frame["after"]))

    async def _allowed(self, work: Callable[[Actor], R]) -> R:
        """Judge the socket's right and do the work, in one hop. Raises _SignedOut.

        The workspace is looked up anew: a posture or plan that has changed since the handshake
        counts from this message on.
        """

        def judged() -> R:
            standing = still_valid(self.scope)
            if standing is None:
                raise _SignedOut
            self.tenant = standing.tenant
            with entered(standing.tenant):
                return work(standing.actor)

        try:
            return await in_tenant(self.tenant, judged)
        except DatabaseError as error:  # of a workspace that was erased, nothing is left to ask
            try:
                await in_public("app_public", tenant_by_id, self.tenant.id)
            except TenantUnavailable:
                raise _SignedOut from error
            raise

    # What the server sends

    def _follow_here(self, running: RunningTurn) -> None:
        """Send a turn of this process from its first frame, after those of the one before."""
        self._follow(frames_of(running.frames, 0))

    def _follow(self, frames: AsyncIterator[Frame]) -> None:
        """Send the frames as they come, after those of the turn before."""
        before = self.following = [task for task in self.following if not task.done()]
        task = asyncio.get_running_loop().create_task(self._send(frames, list(before)))
        self.following = [*before, task]

    def _unfollow(self) -> None:
        for task in self.following:
            task.cancel()
        self.following = []

    async def _send(self, frames: AsyncIterator[Frame], before: list["asyncio.Task[None]"]) -> None:
        if before:
            await asyncio.wait(before)
        async for frame in frames:
            if frame["seq"] > self.last:
                self.last = frame["seq"]
                await self.send(text_data=json.dumps(frame))

    async def _since(self, missed: Missed, after: int) -> AsyncIterator[Frame]:
        """Yield what was missed, then what a running turn has yet to say."""
        here = running_in(self.conversation_id)
        # Frames of a turn of this process come from its memory: Redis may lack the newest.
        until = first_seq(here.turn.number) if here is not None else None
        for frame in missed.frames:
            if until is None or frame["seq"] <= until:
                after = frame["seq"]
                yield frame
        if here is not None:
            async for frame in frames_of(here.frames, after):
                yield frame
        elif missed.running is not None and not self._ended(missed):
            async for frame in frames_elsewhere(
                self.tenant, self.conversation_id, missed.running, after
            ):
                yield frame

    @staticmethod
    def _ended(missed: Missed) -> bool:
        return any(
            frame["type"] in ENDS and turn_of(frame["seq"]) == missed.running
            for frame in missed.frames
        )

    async def _own(self, members: dict[str, Any]) -> None:
        """Send an error that concerns this socket alone, numbered between two common frames."""
        self.last += 1
        await self.send(text_data=json.dumps({"type": "error", "seq": self.last, **members}))
