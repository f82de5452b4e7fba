"""Redis for what is neither cache nor broker: token buckets, turn streams, locks.

Every key goes through `tenant_key`, so that equal ids in two tenants can never meet. Only what AWS
counts for the whole account goes through `region_key`.
"""

import asyncio
from functools import cache
from typing import Any

import redis
import redis.asyncio
from channels_redis.core import RedisChannelLayer
from django.conf import settings
from redis.asyncio.connection import AbstractConnection

from tenants.context import current


def tenant_key(*parts: object) -> str:
    """Return the entered tenant's own key for `parts`. Raises NoTenant outside a tenant."""
    return ":".join(["tenant", current().id.hex, *map(str, parts)])


def region_key(region: str, *parts: object) -> str:
    """Return a key that all tenants of a Region share on purpose, for what AWS counts for all."""
    return ":".join(["region", region, *map(str, parts)])


@cache
def redis_client() -> redis.Redis:
    """Return the process's client (thread-safe, pooled); answers are bytes."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2, health_check_interval=15
    )


def async_redis_client() -> "redis.asyncio.Redis":
    """Return a new client for the running event loop; close it when done.

    The time-out exceeds every blocking read of ours: redis-py's default of 5 s equals the usual
    blocking time and kills the reader.
    """
    pool = redis.asyncio.ConnectionPool.from_url(
        settings.REDIS_URL, socket_timeout=20, socket_connect_timeout=2
    )
    return redis.asyncio.Redis.from_pool(_cancellable(pool))


class ChannelLayer(RedisChannelLayer):
    """The channel layer, whose `receive` ends when it is cancelled."""

    def create_pool(self, index: int) -> redis.asyncio.ConnectionPool:
        """Return the pool of one host's connections."""
        return _cancellable(super().create_pool(index))

    async def channels_of(self, group: str) -> set[str]:
        """Return the channels that Redis knows as the group's."""
        connection = self.connection(self.consistent_hash(group))
        return {name.decode() for name in await connection.zrange(self._group_key(group), 0, -1)}


class _Cancellable(AbstractConnection):
    """A connection that loses no cancellation.

    Where there is a time-out redis-py sends inside `asyncio.wait_for`, and that of Python 3.11
    swallows a cancellation which comes as the sending ends: https://bugs.python.org/issue37658
    """

    async def send_packed_command(self, *args: Any, **kwargs: Any) -> None:
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        await super().send_packed_command(*args, **kwargs)
        if task and task.cancelling() > before:
            await self.disconnect(nowait=True)  # nobody will read the answer
            raise asyncio.CancelledError


def _cancellable(pool: redis.asyncio.ConnectionPool) -> redis.asyncio.ConnectionPool:
    """Return the pool with its kind of connection (TLS, Unix socket, …) made cancellable."""
    kind = pool.connection_class
    pool.connection_class = type(f"Cancellable{kind.__name__}", (_Cancellable, kind), {})
    return pool
