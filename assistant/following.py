"""Follow a turn's frames from a coroutine: from memory in its own process, else from Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

import redis
import structlog

from assistant.frames import ENDS, frame_of, stream_key, turn_of
from assistant.selectors import missed_since, running_turn
from tenants.context import TenantContext, entered, in_tenant
from tenants.liveframes import Frame, LiveFrames
from tenants.redis import async_redis_client

BLOCK_MS: Final = 3_000  # that a read waits; after each empty one the database is asked
log = structlog.get_logger(__name__)


async def frames_of(frames: LiveFrames, after: int) -> AsyncIterator[Frame]:
    """Yield a turn's frames after `after` until none follows, in the process that writes them."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Frame | None] = asyncio.Queue()

    def heard(frame: Frame | None) -> None:
        with suppress(RuntimeError):  # the loop has closed; the turn goes on without a reader
            loop.call_soon_threadsafe(queue.put_nowait, frame)

    stop = frames.listen(heard, after)
    try:
        while (frame := await queue.get()) is not None:
            yield frame
    finally:
        stop()


async def frames_elsewhere(
    tenant: TenantContext, conversation_id: UUID, number: int, after: int
) -> AsyncIterator[Frame]:
    """Yield the frames after `after` of a turn that another process makes, until its end."""
    with entered(tenant):
        key = stream_key(conversation_id)
    while True:
        client = async_redis_client()
        try:
            while entries := await _read(client, key, after):
                for _, fields in entries:
                    frame = frame_of(fields)
                    after = frame["seq"]
                    yield frame
                    if frame["type"] in ENDS and turn_of(after) >= number:
                        return
        except redis.RedisError as error:
            log.warning("frames.not_followed", error=type(error).__name__)
            await asyncio.sleep(1)
        finally:
            await client.aclose()
        if await in_tenant(tenant, running_turn, conversation_id) is None:
            # It ended while Redis was away, or with its process: the rest is in the database.
            for frame in (await in_tenant(tenant, missed_since, conversation_id, after)).frames:
                yield frame
            return


async def _read(client: "redis.asyncio.Redis", key: str, after: int) -> list[Any]:
    """Return the entries after `after`, waiting a while for one."""
    found: Any = await client.xread({key: f"{after}-1"}, block=BLOCK_MS, count=500)
    return found[0][1] if found else []
