"""Moves to other Regions that staff ask for, done by the worker with the owner's login.

Staff write that they want one; the worker does pieces of it (`regions.py`) and says on the row how
far it is. What stops a move stands there too, and staff let it go on or give it up. A piece that
was lost with its process is followed by another.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from bedrock import regionmoves
from search.errors import RegionMoveUnderWay
from search.regions import (
    region_move,
    region_move_ready,
    region_move_require,
    stopped_by,
)
from search.tasks import region_move_dispatch
from tenants.context import Actor, public_scope
from tenants.errors import Conflict, TenantryError
from tenants.lifecycle.regionstate import GOING, State, region_move_open
from tenants.registry.models import RegionMove, Tenant
from tenants.registry.regions import region_choices

log = structlog.get_logger(__name__)

LOST: Final = timedelta(seconds=90)  # a move that told nothing for so long stands still


def region_targets(row: Tenant) -> list[tuple[str, str]]:
    """Return the Regions that the workspace can be moved to, and what they are called.

    One that cannot be had has no value, and its name says why. A move that was stopped goes to its
    own target alone. Raises Conflict or LegalHold where there is no choice at all.
    """
    names = dict(region_choices())
    if move := region_move_open(row.id):
        _require_still(move)
        return [(move.target, names.get(move.target, move.target))]
    region_move_ready(row)
    others = [region for region in settings.REGIONS if region != row.region]
    if not others:
        raise Conflict("This deployment has no other Region; it takes them from `REGIONS`.")
    return [_target(row, region, names[region]) for region in others]


def _target(row: Tenant, region: str, name: str) -> tuple[str, str]:
    try:
        regionmoves.region_require(row.context, region)
    except TenantryError as refused:
        return "", f"{name}: {refused.detail}"
    return region, name


def region_move_check(row: Tenant, target: str) -> RegionMove | None:
    """Return the stopped move that would go on; None for a new one. Raises what is against it."""
    move = region_move_open(row.id)
    if move is None:
        region_move_require(row, target)
        return None
    _require_still(move)
    if target != move.target:
        raise Conflict(f"{row.slug} is being moved from {move.origin} to {move.target}.")
    return move


def region_move_ask(row: Tenant, target: str, *, actor: Actor) -> None:
    """Note that staff want the workspace moved, or its stopped move gone on with; in `public`."""
    move = region_move_check(row, target)
    if move is not None:
        _ask_again(move, actor, back=False)
        return
    try:
        with transaction.atomic():
            move = RegionMove.objects.create(
                tenant_id=row.id, origin=row.region, target=target, asked_by=actor.user_id
            )
    except IntegrityError as error:
        raise RegionMoveUnderWay from error
    _send(move.id)


def region_back_check(row: Tenant) -> RegionMove:
    """Return the move that can be given up. Raises Conflict where there is none."""
    move = region_move_open(row.id)
    if move is None:
        raise Conflict("No move of it to another Region is under way.")
    if row.region != move.origin:
        raise Conflict(
            f"It is in {move.target} already; let the move go on, which empties {move.origin}."
            " Then it can be moved back like any other."
        )
    _require_still(move)
    return move


def region_back_ask(row: Tenant, *, actor: Actor) -> None:
    """Note that staff want the move given up; what the target has by then is deleted."""
    _ask_again(region_back_check(row), actor, back=True)


def _require_still(move: RegionMove) -> None:
    """Raise RegionMoveUnderWay while the worker is at it, or has it before it."""
    if move.state in GOING and move.changed_at > timezone.now() - LOST:
        raise RegionMoveUnderWay(
            f"It is being moved from {move.origin} to {move.target} just now; its page says how"
            " far that is."
        )


def _ask_again(move: RegionMove, actor: Actor, *, back: bool) -> None:
    as_seen = RegionMove.objects.filter(
        id=move.id, state=move.state, changed_at=move.changed_at, back=move.back
    )
    if not as_seen.update(
        state=State.WAITING, back=back, error="", asked_by=actor.user_id, changed_at=Now()
    ):
        raise RegionMoveUnderWay
    _send(move.id)


def _send(move_id: UUID) -> None:
    transaction.on_commit(lambda: region_move_dispatch(move_id), robust=True)


def region_move_go_on(move_id: UUID, *, seconds: float) -> bool:
    """Do so many seconds of a move; return whether something is left of it (owner's login)."""
    with public_scope("owner"):
        move = RegionMove.objects.filter(id=move_id, state__in=GOING).first()
        row = Tenant.objects.filter(id=move.tenant_id).first() if move else None
    if move is None or row is None:
        return False
    until = time.monotonic() + seconds
    lines = region_move(row.slug, move.origin if move.back else move.target)
    with _stopping(move_id):
        try:
            for _ in lines:
                if time.monotonic() >= until:
                    return True
        finally:
            lines.close()
    return False


@contextmanager
def _stopping(move_id: UUID) -> Iterator[None]:
    """Let the row say what stopped the move; people read it there, and ask again or give it up."""
    try:
        yield
    except RegionMoveUnderWay as error:
        log.info("region_move.elsewhere", move_id=str(move_id), why=error.detail)
    except Exception as error:
        log.exception("region_move.stopped", move_id=str(move_id))
        with public_scope("owner"):
            going = RegionMove.objects.filter(id=move_id, state__in=GOING)
            going.update(state=State.STOPPED, error=stopped_by(error), changed_at=Now())


def region_moves_lost() -> list[UUID]:
    """Return the moves that staff asked for and nobody has brought further for a while."""
    with public_scope("owner"):
        standing = Q(state__in=GOING, changed_at__lt=Now() - LOST, asked_by__isnull=False)
        return list(RegionMove.objects.filter(standing).values_list("id", flat=True))
