"""Sockets that close together leave no coroutine behind."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from channels.layers import BaseChannelLayer, channel_layers

from tenants.redis import async_redis_client

STEPS = 120  # of the event loop; a warm connection waits for its answer long before


def aside(work: Callable[[], Awaitable[None]]) -> None:
    """Run it under a loop of its own, in a thread without one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(work())).result()  # type: ignore[arg-type]


async def ended_when_cancelled_after(steps: int, work: Callable[[], Awaitable[object]]) -> bool:
    """Say whether work that is cancelled after so many steps of the loop ends."""
    task = asyncio.ensure_future(work())
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=20)
    ended = task.done()
    task.cancel()
    await asyncio.wait([task])
    return ended


def layer_now() -> BaseChannelLayer:
    return channel_layers.make_backend("default")


def test_a_sockets_wait_for_messages_ends_at_whatever_moment_it_is_cancelled() -> None:
    async def work() -> None:
        layer = layer_now()
        channel = await layer.new_channel()
        kept = [
            steps
            for steps in range(STEPS)
            if not await ended_when_cancelled_after(steps, lambda: layer.receive(channel))
        ]
        assert kept == []

    aside(work)


def test_a_message_after_a_cancelled_wait_is_not_lost() -> None:
    async def work() -> None:
        layer = layer_now()
        channel = await layer.new_channel()
        for steps in range(STEPS):
            await ended_when_cancelled_after(steps, lambda: layer.receive(channel))
        await layer.send(channel, {"type": "force.close"})
        message = await asyncio.wait_for(layer.receive(channel), timeout=60)
        assert message == {"type": "force.close"}

    aside(work)


def test_a_reader_of_another_process_frames_ends_at_whatever_moment_it_is_cancelled() -> None:
    async def work() -> None:
        client = async_redis_client()

        async def read() -> None:
            while True:
                await client.xread({"nothing": "0"}, block=5000)

        await client.ping()
        kept = [
            steps for steps in range(STEPS) if not await ended_when_cancelled_after(steps, read)
        ]
        await client.aclose()
        assert kept == []

    aside(work)
