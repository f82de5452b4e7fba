"""Sockets hear what their groups are told, from whichever process, and nothing else."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from copy import deepcopy
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from channels.layers import channel_layers
from django.conf import settings
from django.test import override_settings

from config.stack.ports import LOOPBACK, free_port
from tenants import listening
from tenants.context import TenantContext
from tenants.listening import Event, join, leave, tell, tell_here, tell_others
from tenants.redis import redis_client
from tenants.sockets import group_of, workspace_group_of

PATIENCE = 15  # seconds
ORDER: Event = {"type": "force.close"}


class Ear:
    """A socket that only hears."""

    def __init__(self) -> None:
        self.heard: list[Event] = []

    def told(self, event: Event) -> None:
        self.heard.append(event)


def workspace(slug: str) -> TenantContext:
    return TenantContext(uuid4(), slug, slug, f"t_{slug}", "team", "standard", "us-east-1", "own")


def aside(work: Callable[[], Awaitable[None]]) -> None:
    """Run it under a loop of its own, in a thread without one."""

    async def patient() -> None:
        async with asyncio.timeout(PATIENCE):
            await work()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(patient())).result()


async def until(holds: Callable[[], Any]) -> None:
    while not holds():
        await asyncio.sleep(0.01)


async def elsewhere(group: str, event: Event) -> None:
    """Tell a group as another process would: through Redis alone."""
    await asyncio.to_thread(tell, group, event)


def mine() -> listening._Listener:
    return listening._listeners[asyncio.get_running_loop()]


def test_an_order_reaches_its_group_alone_and_nobody_who_has_left() -> None:
    acme, globex, user = workspace("acme"), workspace("globex"), uuid4()
    ours, theirs, gone = Ear(), Ear(), Ear()

    async def work() -> None:
        groups = [workspace_group_of(acme), group_of(acme, user)]
        await join(groups, ours)
        await join(groups, gone)
        await join([workspace_group_of(globex), group_of(globex, user)], theirs)
        await leave(groups, gone)
        await elsewhere(group_of(acme, user), ORDER)
        await until(lambda: ours.heard)
        await elsewhere(workspace_group_of(globex), {"type": "turn.begun", "number": 1})
        await until(lambda: theirs.heard)
        await asyncio.to_thread(tell_here, group_of(acme, user), {"type": "turn.here"})
        await until(lambda: len(ours.heard) > 1)

    aside(work)
    assert ours.heard == [ORDER, {"type": "turn.here"}]
    assert theirs.heard == [{"type": "turn.begun", "number": 1}]
    assert gone.heard == []


def test_others_are_told_of_what_this_process_knows_already() -> None:
    group, ours, begun = workspace_group_of(workspace("acme")), Ear(), {"type": "turn.begun"}

    async def work() -> None:
        await join([group], ours)
        tell_others(group, begun)
        await elsewhere(group, ORDER)
        await until(lambda: ours.heard)
        assert ours.heard == [ORDER]
        other = channel_layers.make_backend("default")
        channel = await other.new_channel()
        await other.group_add(group, channel)
        tell_others(group, begun)
        assert await other.receive(channel) == {**begun, "group": group}

    aside(work)


def test_one_socket_that_cannot_be_told_keeps_no_other_from_hearing() -> None:
    class Deaf(Ear):
        def told(self, event: Event) -> None:
            raise ValueError

    group, ear = workspace_group_of(workspace("acme")), Ear()

    async def work() -> None:
        for each in (*(Deaf() for _ in range(15)), ear, *(Deaf() for _ in range(15))):
            await join([group], each)
        await elsewhere(group, ORDER)
        await until(lambda: ear.heard)

    aside(work)


def test_a_group_is_known_to_redis_for_as_long_as_somebody_is_in_it() -> None:
    group, last, next_one = workspace_group_of(workspace("acme")), Ear(), Ear()

    async def work() -> None:
        await join([group], last)
        layer, channel, go_on = mine().layer, mine().channel, asyncio.Event()
        discard = layer.group_discard

        async def slowly(*which: str) -> None:
            await go_on.wait()
            await discard(*which)

        layer.group_discard = slowly
        leaving = asyncio.create_task(leave([group], last))
        joining = asyncio.create_task(join([group], next_one))
        await asyncio.wait([joining], timeout=0.2)  # the next one comes as the last one leaves
        go_on.set()
        await asyncio.gather(leaving, joining)
        assert await layer.channels_of(group) == {channel}
        await leave([group], next_one)
        assert await layer.channels_of(group) == set()
        assert mine().groups == {}

    aside(work)


def test_a_look_at_redis_that_fails_is_followed_by_the_next(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listening, "LOOK_EVERY", 0.02)
    group, ear, loops = workspace_group_of(workspace("acme")), Ear(), []

    async def failed() -> bool:
        """Spoil the group; return whether the look failed, and not the telling after one."""
        caplog.clear()
        redis_client().set(mine().layer._group_key(group), "no group")
        await until(lambda: "sockets.groups_not" in caplog.text)
        redis_client().flushdb()
        return "groups_not_known" in caplog.text

    async def work() -> None:
        loops.append(asyncio.get_running_loop())
        await join([group], ear)
        while not await failed():
            await until(lambda: not mine().behind)
        while not ear.heard:
            await elsewhere(group, ORDER)

    aside(work)
    assert loops[0] not in listening._listeners, "nothing is left of a loop that has ended"


def test_what_cannot_be_read_keeps_nobody_from_the_next_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    group, ear = workspace_group_of(workspace("acme")), Ear()

    async def work() -> None:
        await join([group], ear)
        layer, channel = mine().layer, mine().channel
        received = layer.prefix + channel[: channel.index("!") + 1]
        redis_client().zadd(received, {b"\xc1" * 20: 1})  # no message of ours
        await until(lambda: "nothing_received" in caplog.text)
        await elsewhere(group, ORDER)
        await until(lambda: ear.heard)

    aside(work)


def test_groups_are_told_anew_before_redis_forgets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(listening, "KEPT", 0)
    group = workspace_group_of(workspace("acme"))

    async def work() -> None:
        await join([group], Ear())
        key, channel = mine().layer._group_key(group), mine().channel

        def told() -> Any:
            return redis_client().zscore(key, channel)

        before = told()
        await until(lambda: told() > before)

    aside(work)


def test_groups_that_redis_has_lost_are_told_to_it_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "LOOK_EVERY", 0.02)
    group, ear = workspace_group_of(workspace("acme")), Ear()

    async def work() -> None:
        await join([group], ear)
        redis_client().flushdb()
        while not ear.heard:
            await elsewhere(group, ORDER)

    aside(work)


async def redis_at(port: int) -> asyncio.Server:
    """Let Redis be reached at a port of the test's own."""

    async def piped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(OSError, asyncio.CancelledError):
            while some := await reader.read(65_536):
                writer.write(some)

    async def reached(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = urlsplit(settings.REDIS_URL)
        answers, asks = await asyncio.open_connection(there.hostname, there.port)
        await asyncio.gather(piped(reader, asks), piped(answers, writer))

    return await asyncio.start_server(reached, LOOPBACK, port)


def test_a_socket_opens_while_redis_is_away_and_hears_once_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(listening, "PATIENCE", 0.05)
    groups = [group_of(workspace("acme"), uuid4()) for _ in range(3)]
    ear, port = Ear(), free_port()
    where = urlsplit(settings.REDIS_URL)._replace(netloc=f"{LOOPBACK}:{port}").geturl()

    async def work() -> None:
        with override_settings(CHANNEL_LAYERS=layers_at(where)):
            for group in groups:
                await join([group], ear)
        assert mine().behind
        monkeypatch.setattr(listening, "PATIENCE", 5)
        server = await redis_at(port)
        while len(ear.heard) < len(groups):
            for group in groups:
                await elsewhere(group, ORDER)
        server.close()

    aside(work)


def layers_at(address: str) -> dict[str, Any]:
    """Return the settings of the channel layer, with Redis somewhere else."""
    layers: dict[str, Any] = deepcopy(settings.CHANNEL_LAYERS)
    layers["default"]["CONFIG"]["hosts"][0]["address"] = address
    return layers
