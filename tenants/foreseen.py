"""Errors as whoever listens to frames is told of them, when no status can be sent any more."""

from typing import Any, Final

import redis
import structlog
from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext_lazy as _
from psycopg_pool import PoolTimeout

from tenants.ended import ended
from tenants.errors import TenantryError, Unavailable

# Parts below that pass by themselves: a restart, a failover, a full pool.
PASSING: Final = (OperationalError, InterfaceError, PoolTimeout, redis.RedisError)

log = structlog.get_logger(__name__)


class AnswerFailed(TenantryError):
    """A defect of ours; it stands in the log."""

    code = "server_error"
    status = 500
    title = _("Something went wrong on our side; it has been recorded. You can ask again")


def foreseen(error: BaseException) -> TenantryError:
    """Return `error` as one of the tree; what nobody foresaw is logged."""
    if isinstance(error, TenantryError):
        return error
    if isinstance(error, PASSING):
        log.warning("part.unavailable", error=type(error).__name__)
        return Unavailable(retry_after=2)
    if gone := ended(error):
        return gone
    log.error("unforeseen", exc_info=error)
    return AnswerFailed()


def error_members(error: TenantryError) -> dict[str, Any]:
    """Return what an `error` frame says."""
    members: dict[str, Any] = {"code": error.code, "detail": error.detail}
    for name in ("retry_after", "upgrade_url"):
        if name in error.extra:
            members[name] = error.extra[name]
    return members
