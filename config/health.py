"""Liveness and readiness."""

from collections.abc import Callable

import redis
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from billing import bucket
from tenants.context import public_scope
from tenants.redis import redis_client


def healthz(_request: HttpRequest) -> HttpResponse:
    """The process lives."""
    return JsonResponse({"status": "ok"})


def _database() -> None:
    with public_scope("app_public"), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM registry_tenant LIMIT 1")


def _redis() -> None:
    redis_client().ping()


CHECKS: dict[str, Callable[[], None]] = {"database": _database, "redis": _redis}


def readyz(_request: HttpRequest) -> HttpResponse:
    """200 when the database (migrated) and Redis answer, else 503 that names the part.

    `rates` is `degraded`, with the code why, while this process limits rates without Redis: it
    serves, a tenth of each plan's rates.
    """
    parts: dict[str, str] = {}
    for name, check in CHECKS.items():
        try:
            check()
            parts[name] = "ok"
        except (DatabaseError, redis.RedisError):
            parts[name] = "unavailable"
    ready = all(state == "ok" for state in parts.values())
    reason = bucket.degraded()
    parts["rates"] = f"degraded: {reason}" if reason else "ok"
    return JsonResponse(
        {"status": "ready" if ready else "not ready", **parts}, status=200 if ready else 503
    )
