"""Moves that staff ask for on the public host, done by the workspace's own tasks, a step at a time.

The row in `public` tells how far a move is. Any step may be the last one of its process: the next
goes on with what the workspace's tables say is left (`moving.py`).
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from search.errors import MoveUnderWay
from search.models import Chunk
from search.moving import move_finish, move_start, move_step
from tenants.accounts.audit import audit_write
from tenants.context import SYSTEM, Actor, current
from tenants.errors import TenantryError
from tenants.registry.models import Relocation

log = structlog.get_logger(__name__)

OPEN: Final = (Relocation.State.WAITING, Relocation.State.RUNNING)
AGAIN: Final = 1.0  # seconds until the next step
LATER: Final = 10.0  # where a step was refused for the moment
STALE: Final = timedelta(seconds=90)  # a step that told nothing for so long was lost


def relocation_request(tenant_id: UUID, target: str, *, actor: Actor) -> Relocation:
    """Note that staff want a workspace's vectors moved; in `public`. Raises MoveUnderWay."""
    assert actor.user_id is not None
    try:
        with transaction.atomic():
            row = Relocation.objects.create(
                tenant_id=tenant_id, target=target, asked_by=actor.user_id
            )
            audit_write(actor, action="workspace.relocation", object_id=tenant_id, target=target)
    except IntegrityError as error:
        raise MoveUnderWay from error
    return row


def relocation_step() -> float | None:
    """Bring the entered workspace's move further; return after how many seconds to come again.

    None where nothing is under way (any more). What stops a move stands on its row; staff may ask
    for it again, and it goes on.
    """
    tenant = current()
    row = Relocation.objects.filter(tenant_id=tenant.id, state__in=OPEN).first()
    if row is None:
        return None
    row.state = Relocation.State.RUNNING
    try:
        move = move_start(tenant, row.target, right="staff")
        row.left = move_step(move) if move is not None else 0
        row.passages = Chunk.objects.filter(source__live=True).count()
        row.error = ""
        if row.left:
            return _told(row, AGAIN)
        if move is not None:
            move_finish(tenant, move, right="staff")
        row.state, row.finished_at = Relocation.State.DONE, Now()
        audit_write(SYSTEM, action="workspace.relocated", target=row.target)
    except TenantryError as error:
        row.error = str(error.detail)
        if error.retryable:
            return _told(row, LATER)
        row.state, row.finished_at = Relocation.State.FAILED, Now()
        log.warning("retrieval.move_stopped", target=row.target, code=error.code)
    return _told(row, None)


def _told(row: Relocation, again: float | None) -> float | None:
    row.changed_at = Now()
    row.save(update_fields=["state", "left", "passages", "error", "changed_at", "finished_at"])
    return again


def relocation_is_stale() -> bool:
    """Return whether the entered workspace's move has stood still for too long."""
    late = Relocation.objects.filter(
        tenant_id=current().id, state__in=OPEN, changed_at__lt=Now() - STALE
    )
    return late.exists()
