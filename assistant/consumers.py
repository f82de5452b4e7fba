"""The assistant's socket: one conversation of one user, on as many devices as they like.

Frames go straight from the turn to the socket. The channel layer only tells that a turn has begun
in another process, and that the user has to leave. A socket owns nothing: it may close at any
moment, and the turn goes on.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import structlog
from django.utils import translation

from assistant.access import conversation_of
from assistant.answering import answer
from assistant.clientframes import client_frame
from assistant.errors import AlreadyAsked
from assistant.following import frames_elsewhere, frames_of
from assistant.frames import ENDS, first_seq, turn_of
from assistant.runner import running_in, turn_group, turn_run, turn_stop
from assistant.selectors import Missed, missed_since
from assistant.services import thorough_checked, turn_again, turn_begin, turn_decide, turn_edit
from assistant.watchkeeper import socket_closed, socket_opened
from tenants.context import Actor, entered, in_tenant
from tenants.ended import ended_elsewhere
from tenants.errors import Forbidden, TenantryError
from tenants.foreseen import error_members, foreseen
from tenants.listening import Event, join, leave
from tenants.liveframes import Frame
from tenants.sockets import (
    SIGNED_OUT,
    Admitted,
    group_of,
    refuse,
    still_valid,
    workspace_group_of,
)

R = TypeVar("R")
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

log = structlog.get_logger(__name__)


class _SignedOut(Exception):
    """The socket's right has ended; it closes without a frame."""


def _staff_refuse(actor: Actor, frame: str) -> None:
    """Staff on a visit read; where they may write, they still decide on no action of a user's."""
    if actor.staff_id is None or frame == "resume":
        return
    if not actor.writes or frame == "confirm":
        raise Forbidden("Staff may look here, and not do this.")


class AssistantConsumer:
    """See the module's docstring; frames are described in docs/assistant.md.

    None of Channels' own consumers: those wait for the channel layer socket by socket, where a
    process listens once (`tenants.listening`), and an idle socket should hold little.
    """

    __slots__ = (
        "admitted", "closed", "conversation_id", "following", "last", "leaving", "put", "tenant",
    )  # fmt: skip

    handlers: ClassVar[dict[str, str]] = {
        "ask": "_ask",
        "stop": "_stop",
        "regenerate": "_regenerate",
        "edit": "_edit",
        "confirm": "_confirm",
        "resume": "_resume",
    }

    def __init__(self, admitted: Admitted, conversation_id: UUID, send: Send) -> None:
        self.admitted = admitted
        self.tenant = admitted.tenant
        self.conversation_id = conversation_id
        self.put = send
        self.last = 0
        self.closed = False
        self.following: tuple[asyncio.Task[None], ...] = ()
        self.leaving: asyncio.Task[None] | None = None

    @classmethod
    def serve(
        cls, scope: dict[str, Any], receive: Receive, send: Send, conversation_id: UUID
    ) -> Awaitable[None]:
        """Return what serves one socket to its end.

        No coroutine itself, which would be kept with its scope for as long.
        """
        return cls(scope["admitted"], conversation_id, send)._serve(receive)

    async def _serve(self, receive: Receive) -> None:
        await receive()  # the handshake, which the scope has told already
        try:
            if await self._may_enter():
                await join(self._groups(), self)
                socket_opened(self)
                await self.put({"type": "websocket.accept"})
                while await self._heard(await receive()):  # a message in a name would be kept
                    pass
            else:
                await refuse(self.put)
        finally:  # the turn that it may have begun goes on, and is settled, without it
            socket_closed(self)
            self._unfollow()
            await leave(self._groups(), self)

    async def _may_enter(self) -> bool:
        """Admit the owner of the conversation; refuse the handshake to everybody else."""
        try:
            actor = self.admitted.actor
            await in_tenant(self.tenant, conversation_of, actor, self.conversation_id)
        except TenantryError:
            return False
        except Exception as error:
            if await ended_elsewhere(error, self.tenant):
                return False
            raise
        return True

    def _groups(self) -> tuple[str, ...]:
        user_id = self.admitted.actor.user_id
        assert user_id is not None  # sockets belong to people
        return (
            workspace_group_of(self.tenant),
            group_of(self.tenant, user_id),
            turn_group(self.tenant, self.conversation_id),
        )

    async def _heard(self, message: dict[str, Any]) -> bool:
        """Do what the client asks, telling what goes wrong in an `error` frame.

        Return whether to wait for more.
        """
        if message["type"] == "websocket.disconnect":
            return False
        if self.closed:
            return True
        try:
            frame = client_frame(message.get("text"))
            _staff_refuse(self.admitted.actor, frame["type"])
            await getattr(self, self.handlers[frame["type"]])(frame)
        except _SignedOut:
            await self.sign_out()
        except Exception as error:
            await self._own(error_members(foreseen(error)))
        return True

    async def sign_out(self) -> None:
        """Close the socket because its right has ended; nothing more is sent on it.

        It leaves its groups now and not when the reader has answered the close, which may be never:
        meanwhile the keeper would tell Redis of groups that an erased workspace must not have.
        """
        self._unfollow()
        if not self.closed:
            self.closed = True
            await asyncio.gather(leave(self._groups(), self), self._close())

    async def _close(self) -> None:
        with suppress(OSError):  # what servers raise where the reader has gone meanwhile
            await self.put({"type": "websocket.close", "code": SIGNED_OUT})

    def leave(self) -> None:
        """Sign out without waiting: a reader who takes nothing off the line can hold that up."""
        if self.leaving is None:
            self.leaving = asyncio.get_running_loop().create_task(self.sign_out())

    def told(self, event: Event) -> None:
        """Take what this process or another one tells the socket's groups."""
        match event["type"]:
            case "turn.here":
                self._follow(frames_of(event["running"].frames, 0))
            case "turn.begun":
                self._turn_begun(event["number"])
            case "force.close":
                self.leave()

    def _turn_begun(self, number: int) -> None:
        """A turn has begun in some process; those of this one are followed already."""
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
                question_id=frame.get("question_id"),
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
                question_id=frame.get("question_id"),
            ),
        )

    async def _begin(self, frame: Frame, begin: Callable[[Actor], Any]) -> None:
        def begun(actor: Actor) -> None:
            thorough = thorough_checked(frame.get("thorough", False), "assistant")
            turn = begin(actor)
            turn_run(self.tenant, actor, turn, answer, thorough=thorough)  # tells this socket too

        # One whose sender lost the line hears by `resume` what comes of it.
        with suppress(AlreadyAsked):
            await self._allowed(begun)

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
            standing = still_valid(self.admitted)
            if standing is None:
                raise _SignedOut
            self.tenant = standing.tenant
            # A thread speaks no language of its caller's, and what begins here is told in one.
            with entered(standing.tenant), translation.override(self.admitted.language):
                return work(standing.actor)

        try:
            return await in_tenant(self.tenant, judged)
        except (_SignedOut, TenantryError):
            raise
        except Exception as error:  # of a workspace that was erased, nothing is left to ask
            if await ended_elsewhere(error, self.tenant):
                raise _SignedOut from error
            raise

    # What the server sends

    def _follow(self, frames: AsyncIterator[Frame]) -> None:
        """Send the frames as they come, after those of the turn before."""
        task = asyncio.get_running_loop().create_task(self._send(frames, self.following))
        self.following = (*self.following, task)
        task.add_done_callback(self._followed)

    def _followed(self, ended: "asyncio.Task[None]") -> None:
        self.following = tuple(task for task in self.following if task is not ended)
        if not ended.cancelled() and (error := ended.exception()):
            log.error("socket.frames_not_sent", exc_info=error)

    def _unfollow(self) -> None:
        for task in self.following:
            task.cancel()
        self.following = ()

    async def _send(
        self, frames: AsyncIterator[Frame], before: "tuple[asyncio.Task[None], ...]"
    ) -> None:
        translation.activate(self.admitted.language)  # who tells of a turn may speak another
        if before:
            await asyncio.wait(before)
        with suppress(OSError):  # the reader has gone
            async for frame in frames:
                if frame["seq"] > self.last:
                    self.last = frame["seq"]
                    await self._frame(frame)

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
        await self._frame({"type": "error", "seq": self.last, **members})

    async def _frame(self, frame: Frame) -> None:
        if not self.closed:
            await self.put({"type": "websocket.send", "text": json.dumps(frame)})
