"""Look again, on a timer, whether open sockets may stay open: one task a process, not one each."""

import asyncio
from typing import TYPE_CHECKING, Final
from uuid import UUID

import structlog

from tenants.context import TenantContext, in_public, in_tenant
from tenants.errors import TenantUnavailable
from tenants.foreseen import PASSING
from tenants.registry.selectors import tenant_by_id
from tenants.sockets import still_valid

if TYPE_CHECKING:
    from assistant.consumers import AssistantConsumer

LOOK_EVERY: Final = 25.0  # seconds; with the look itself, a lost right ends within 30
AT_ONCE: Final = 200  # sockets judged in one hop

log = structlog.get_logger(__name__)

_open: "dict[asyncio.AbstractEventLoop, set[AssistantConsumer]]" = {}
_tasks: dict[asyncio.AbstractEventLoop, "asyncio.Task[None]"] = {}


def socket_opened(consumer: "AssistantConsumer") -> None:
    """Look after a socket of the running loop."""
    loop = asyncio.get_running_loop()
    _open.setdefault(loop, set()).add(consumer)
    if loop not in _tasks:
        _tasks[loop] = loop.create_task(_keep(loop))


def socket_closed(consumer: "AssistantConsumer") -> None:
    """Look after it no more; the last one ends the task."""
    loop = asyncio.get_running_loop()
    left = _open.get(loop, set())
    left.discard(consumer)
    if not left:
        _open.pop(loop, None)
        task = _tasks.pop(loop, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()


async def _keep(loop: asyncio.AbstractEventLoop) -> None:
    while loop in _open:
        await asyncio.sleep(LOOK_EVERY)
        await look(list(_open.get(loop, ())))


async def look(consumers: "list[AssistantConsumer]") -> None:
    """Close those whose session, role or workspace has ended.

    Nothing that goes wrong in one workspace, or with one socket, keeps the others from being looked
    at, now and later.
    """
    by_tenant: dict[UUID, list[AssistantConsumer]] = {}
    for consumer in consumers:
        by_tenant.setdefault(consumer.tenant.id, []).append(consumer)
    for group in by_tenant.values():
        for start in range(0, len(group), AT_ONCE):
            part = group[start : start + AT_ONCE]
            try:
                for consumer in await _ended(group[0].tenant, part):
                    consumer.leave()
            except PASSING as error:  # a part that is away ends nobody's right; look again soon
                log.warning("sockets.not_looked_at", error=type(error).__name__)
            except Exception:
                log.exception("sockets.not_looked_at", sockets=len(part))


async def _ended(
    tenant: TenantContext, part: "list[AssistantConsumer]"
) -> "list[AssistantConsumer]":
    try:
        await in_public("app_public", tenant_by_id, tenant.id)
    except TenantUnavailable:
        return part

    def judged() -> "list[AssistantConsumer]":
        return [consumer for consumer in part if still_valid(consumer.admitted) is None]

    return await in_tenant(tenant, judged)
