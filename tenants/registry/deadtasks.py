"""Tasks that failed for good: noted when it happens, tried again or discarded by staff.

Celery tells of a failure when no attempt is left: an exception that is not to be retried, too many
retries, or a child that was killed by the time limit. What was given to the task is kept, so that
it can be sent again; staff see ids and numbers of it and nothing else, and of the error its code.
"""

import hashlib
import json
from contextlib import AbstractContextManager
from typing import Any, Final
from uuid import UUID

import structlog
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import current_app
from celery.exceptions import Reject
from django.db import connection, transaction
from django.db.models.functions import Now
from kombu.exceptions import OperationalError as BrokerError

from tenants.accounts.audit import audit_write
from tenants.context import Actor, PublicRole, current, entered, public_scope
from tenants.errors import Conflict, TenantryError, TenantUnavailable, Unavailable
from tenants.lifecycle.health import FINE, LOOK, Finding
from tenants.registry.models import DeadTask
from tenants.registry.selectors import tenant_by_id
from tenants.secretbox import secret_open, secret_seal

log = structlog.get_logger(__name__)

PURPOSE: Final = "deadtask"
TASK: Final = "registry.dead_task"
KILLED: Final = (TimeLimitExceeded, WorkerLostError)
SCOPES: Final[dict[str, PublicRole]] = {"app": "app_public", "ops": "ops", "owner": "owner"}
NOTE: Final = """
    INSERT INTO registry_deadtask
           (id, tenant_id, task, queue, arguments, error, attempts, fingerprint, state)
    VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, %s, %s, 'open')
    ON CONFLICT (fingerprint) WHERE state = 'open'
    DO UPDATE SET times = registry_deadtask.times + 1, at = now(), attempts = excluded.attempts
"""


def failure_note(
    sender: Any = None,
    exception: BaseException | None = None,
    args: Any = (),
    kwargs: Any = None,
    **_: Any,
) -> None:
    """Celery's signal: keep what failed. Never raises, since the task's own failure goes on.

    Of a killed task the worker's parent tells, which opens no database: the children that it forks
    would inherit the connection. It sends a message instead, and a child notes it.
    """
    if isinstance(exception, Reject):  # its workspace is suspended or gone: that is no failure
        return
    try:
        told = _told(sender, exception, list(args or ()), dict(kwargs or {}))
        if not isinstance(exception, KILLED):
            dead_task_keep(**told)
        elif sender.name != TASK:
            current_app.send_task(TASK, kwargs=told, queue="default")
    except Exception:
        log.exception("dead_tasks.not_noted", task=getattr(sender, "name", ""))
        connection.close()


def _told(
    task: Any, error: BaseException | None, args: list[Any], kwargs: dict[str, Any]
) -> dict[str, Any]:
    request = task.request
    return {
        "name": task.name,
        "queue": (request.delivery_info or {}).get("routing_key") or "default",
        "attempts": request.retries + 1,
        "code": error.code if isinstance(error, TenantryError) else type(error).__name__,
        "args": args,
        "kwargs": kwargs,
    }


def dead_task_keep(
    *, name: str, queue: str, attempts: int, code: str, args: list[Any], kwargs: dict[str, Any]
) -> None:
    """Note a task that failed for good, with its arguments; the same again counts on its row."""
    tenant_id: UUID | None = None
    if getattr(current_app.tasks.get(name), "carries_tenant", False):
        tenant_id, args = UUID(args[0]), args[1:]
    given = json.dumps([name, str(tenant_id), args, kwargs, code], sort_keys=True, default=str)
    print_of = hashlib.sha256(given.encode()).hexdigest()
    with _sealing(tenant_id):
        kept = {
            "args": [_kept(value) for value in args],
            "kwargs": {each: _kept(value) for each, value in kwargs.items()},
        }
    with _writing(tenant_id), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            NOTE,
            [tenant_id, name, queue, json.dumps(kept), code[:100], attempts, print_of],
        )
    log.error("dead_tasks.noted", task=name, code=code)


def _writing(tenant_id: UUID | None) -> AbstractContextManager[Any]:
    if tenant_id is not None:
        return entered(tenant_by_id(tenant_id))
    return public_scope(SCOPES[connection.login])  # type: ignore[attr-defined]  # our backend's


def _sealing(tenant_id: UUID | None) -> AbstractContextManager[Any]:
    """Enter where the arguments are sealed and opened; no statement is made there."""
    return public_scope("staff") if tenant_id is None else entered(tenant_by_id(tenant_id))


def _kept(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float) or _is_id(value):
        return value
    return {"sealed": secret_seal(json.dumps(value), purpose=PURPOSE)}


def _opened(kept: Any) -> Any:
    if isinstance(kept, dict):
        return json.loads(secret_open(kept["sealed"], purpose=PURPOSE))
    return kept


def _forgotten(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments without what was sealed: once decided on, it is needed no more."""

    def plain(kept: Any) -> Any:
        return {"sealed": ""} if isinstance(kept, dict) else kept

    return {
        "args": [plain(value) for value in arguments["args"]],
        "kwargs": {name: plain(value) for name, value in arguments["kwargs"].items()},
    }


def _is_id(value: Any) -> bool:
    try:
        return bool(str(UUID(value)) == value)
    except (ValueError, TypeError, AttributeError):
        return False


def arguments_told(row: DeadTask) -> str:
    """Return what staff may see of the arguments."""
    kept = row.arguments
    told = ["(not shown)" if isinstance(value, dict) else str(value) for value in kept["args"]]
    told += [
        f"{name}={'(not shown)' if isinstance(value, dict) else value}"
        for name, value in kept["kwargs"].items()
    ]
    return ", ".join(told) or "none"


@transaction.atomic
def dead_task_retry(*, actor: Actor, row: DeadTask) -> None:
    """Send the task once more. Of two who ask at once, one sends.

    Raises Conflict, and Unavailable where the queue does not take it: then it is open as before.
    """
    if row.task not in current_app.tasks:
        raise Conflict(f"The product has no task {row.task} any more; discard it.")
    try:
        with _sealing(row.tenant_id):
            args = [_opened(value) for value in row.arguments["args"]]
            kwargs = {name: _opened(value) for name, value in row.arguments["kwargs"].items()}
    except TenantUnavailable as error:
        raise Conflict("Its workspace is suspended or gone; resume it, or discard.") from error
    _decide(actor, row, DeadTask.State.RETRIED, "task.retry")
    if row.tenant_id is not None:
        args = [str(row.tenant_id), *args]
    # Before the commit, with the row locked: what was not sent is not decided on.
    try:
        current_app.tasks[row.task].apply_async(args=tuple(args), kwargs=kwargs, queue=row.queue)
    except BrokerError as error:
        raise Unavailable("The queue does not answer; nothing was sent. Try again.") from error


@transaction.atomic
def dead_task_discard(*, actor: Actor, row: DeadTask) -> None:
    """Note that nothing is to be done about it. Raises Conflict."""
    _decide(actor, row, DeadTask.State.DISCARDED, "task.discard")


def _decide(actor: Actor, row: DeadTask, state: str, action: str) -> None:
    changed = DeadTask.objects.filter(id=row.id, state=DeadTask.State.OPEN).update(
        state=state, decided_by=actor.user_id, decided_at=Now(), arguments=_forgotten(row.arguments)
    )
    if not changed:
        raise Conflict("It was decided on already.")
    audit_write(
        actor, action=action, object_type="task", object_id=row.id,
        task=row.task, tenant_id=str(row.tenant_id or ""),
    )  # fmt: skip


def dead_tasks_probe() -> Finding:
    """Tasks of the entered workspace that failed for good and wait for a decision."""
    rows = DeadTask.objects.filter(tenant_id=current().id, state=DeadTask.State.OPEN)
    names = list(rows.order_by().values_list("task", flat=True).distinct()[:5])
    count = rows.count()
    return Finding(count, f"{', '.join(names)}." if names else "None.", LOOK if count else FINE)
