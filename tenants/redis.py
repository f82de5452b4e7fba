"""Redis for what is neither cache nor broker: token buckets, turn streams, locks.

Every key goes through `tenant_key`, so that equal ids in two tenants can never meet. Only what AWS
counts for the whole account goes through `region_key`.
"""

from functools import cache

import redis
import redis.asyncio
from django.conf import settings

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
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL, socket_timeout=20, socket_connect_timeout=2
    )
