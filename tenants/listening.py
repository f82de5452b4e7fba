"""What open sockets are told: by other processes through the channel layer, by their own at once.

One listener an event loop receives for all its sockets and hands each message to the members of its
group. Channels' own consumers receive one by one, at the cost of two tasks and a queue for each
socket, which were a third of an idle one's memory.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context
from typing import Any, Final, Protocol, cast

import redis
import structlog
from asgiref.sync import async_to_sync
from channels.layers import channel_layers, get_channel_layer

from tenants.redis import ChannelLayer

PATIENCE: Final = 2.0  # seconds that one change of a group may take at Redis
LOOK_EVERY: Final = 5.0  # seconds between looks whether Redis still knows the groups
SOON: Final = 0.005  # seconds until a loop tells: whoever had it tell computes on meanwhile, alone
KEPT: Final = 3600.0  # seconds after which they are told anew; the layer forgets them in a day

Event = dict[str, Any]

log = structlog.get_logger(__name__)


class Member(Protocol):
    """An open socket."""

    def told(self, event: Event) -> None:
        """Take an event, in the socket's event loop, without waiting for anything."""


def tell(group: str, event: Event) -> None:
    """Tell the group's sockets in every process. Call where no event loop runs.

    Raises redis.RedisError.
    """
    async_to_sync(get_channel_layer().group_send)(group, {**event, "group": group})


def tell_here(group: str, event: Event) -> None:
    """Tell the group's sockets of this process, from any thread; what is told need not be data."""
    for listener in list(_listeners.values()):
        for member in listener.members_of(group):
            with suppress(RuntimeError):  # its loop has closed, and the socket with it
                _soon(listener.loop, member.told, event)


def tell_others(group: str, event: Event) -> None:
    """Tell the group's sockets of other processes, from any thread, without waiting for it.

    Where that fails it is logged: who was not told finds out by asking.
    """
    for listener in list(_listeners.values())[:1]:
        with suppress(RuntimeError):
            _soon(listener.loop, listener.tell_others, group, event)
            return
    _aside.submit(_told_others, group, event)  # no socket is open here


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *args: Any) -> None:
    loop.call_soon_threadsafe(loop.call_later, SOON, call, *args)


def _told_others(group: str, event: Event) -> None:
    try:
        tell(group, event)
    except Exception as error:
        log.warning("sockets.others_not_told", error=repr(error))


async def join(groups: Sequence[str], member: Member) -> None:
    """Let a socket of the running loop hear what its groups are told, until it leaves.

    While Redis is away it opens all the same, and hears other processes from when Redis is back.
    """
    loop = asyncio.get_running_loop()
    if loop not in _listeners:
        _listeners[loop] = _Listener(loop)
    await _listeners[loop].join(groups, member)


async def leave(groups: Sequence[str], member: Member) -> None:
    """Let it hear nothing more, from the call on; then tell Redis of groups that nobody is in."""
    listener = _listeners.get(asyncio.get_running_loop())
    if listener is not None:
        await listener.leave(groups, member)


class _Listener:
    """The sockets of one event loop by group, and what is received for them.

    Redis knows each group that has an entry here, or `behind` is set.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        # A layer of its own, since one receives for a single event loop.
        self.layer = cast(ChannelLayer, channel_layers.make_backend("default"))
        self.channel = ""
        self.groups: dict[str, set[Member]] = {}
        self.changing = asyncio.Lock()  # a group's joining and its leaving must not overtake
        self.behind = False
        self.announced = time.monotonic()
        # In a context of nobody's request, language or trace.
        works = (self._receive(), self._keep())
        self.tasks = {loop.create_task(work, context=Context()) for work in works}

    def members_of(self, group: str) -> list[Member]:
        return list(self.groups.get(group, ()))

    async def join(self, groups: Sequence[str], member: Member) -> None:
        async with self.changing:
            new = [group for group in groups if group not in self.groups]
            for group in groups:
                self.groups.setdefault(group, set()).add(member)
            await self._change(self.layer.group_add, new)

    async def leave(self, groups: Sequence[str], member: Member) -> None:
        for group in groups:
            self.groups.get(group, set()).discard(member)
        async with self.changing:
            empty = [group for group in groups if self.groups.get(group) == set()]
            for group in empty:
                del self.groups[group]
            await self._change(self.layer.group_discard, empty)

    def tell_others(self, group: str, event: Event) -> None:
        task = self.loop.create_task(self._tell_others(group, event), context=Context())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _tell_others(self, group: str, event: Event) -> None:
        """Most conversations are open in one process alone: then one look is all it takes."""
        try:
            own = {listener.channel for listener in _listeners.values()}
            if await self.layer.channels_of(group) - own:
                await self.layer.group_send(group, {**event, "group": group})
        except Exception as error:
            log.warning("sockets.others_not_told", error=repr(error))

    async def _change(
        self, change: Callable[[str, str], Awaitable[None]], groups: Iterable[str]
    ) -> None:
        """Tell Redis, unless it is away: the keeper does so later, and nobody waits for it."""
        for group in groups:
            if self.behind:
                return
            try:
                async with asyncio.timeout(PATIENCE):
                    await change(group, await self._own_channel())
            except (redis.RedisError, OSError) as error:  # TimeoutError among them
                self.behind = True
                log.warning("sockets.groups_not_told", error=type(error).__name__)

    async def _own_channel(self) -> str:
        if not self.channel:
            self.channel = await self.layer.new_channel()
        return self.channel

    async def _receive(self) -> None:
        """Hand on what comes, for as long as the loop runs."""
        try:
            while True:
                try:
                    self._hand(await self.layer.receive(await self._own_channel()))
                except Exception as error:  # whatever it is, the sockets wait for the next
                    log.warning("sockets.nothing_received", error=repr(error))
                    await asyncio.sleep(1)
        finally:
            del _listeners[self.loop]

    def _hand(self, event: Event) -> None:
        for member in self.members_of(event.pop("group", "")):
            try:
                member.told(event)
            except Exception:
                log.exception("sockets.one_not_told")

    async def _keep(self) -> None:
        """Tell Redis all groups anew, where it has lost them or is about to forget them."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                if self.groups and await self._outdated():
                    self.behind, self.announced = False, time.monotonic()
                    for group in list(self.groups):
                        async with self.changing:
                            if group in self.groups:
                                await self._change(self.layer.group_add, [group])
            except Exception as error:
                log.warning("sockets.groups_not_known", error=repr(error))

    async def _outdated(self) -> bool:
        if self.behind or time.monotonic() - self.announced > KEPT:
            return True
        async with asyncio.timeout(PATIENCE):
            some = next(iter(self.groups))
            return await self._own_channel() not in await self.layer.channels_of(some)


_aside = ThreadPoolExecutor(max_workers=2, thread_name_prefix="tell-others")
_listeners: dict[asyncio.AbstractEventLoop, _Listener] = {}
