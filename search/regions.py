"""Move a suspended workspace to another Region: the old one keeps everything until the new one has.

The row of the move says how far it is, and the registry's Region on which side of the change.
Before the change the workspace is whole in the old Region, after it in the new one; each step can
be repeated, so a run that was cut off is followed by another. What calls cost stays in the ledger
as it was, with the Region they went to. Runs under the owner's login, one process at a time.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from bedrock import regionmoves
from bedrock.erasing import logs_expiring
from search.copies import move_under_way
from search.errors import RegionMoveUnderWay
from search.models import KnowledgeCopy
from tenants.accounts.audit import audit_write
from tenants.aws import AwsError
from tenants.context import SYSTEM, TenantContext, entered, public_scope
from tenants.errors import Conflict, Invalid, TenantryError, Unavailable
from tenants.lifecycle.holding import hold_refuse
from tenants.lifecycle.regionstate import State, region_move_open
from tenants.lifecycle.restoring import restore_unfinished
from tenants.lifecycle.steps import moved_told
from tenants.objectmoving import (
    LISTED_AT_ONCE,
    tenant_objects_compare,
    tenant_objects_copy,
    tenant_objects_late,
    tenant_objects_size,
)
from tenants.objects import bucket, tenant_objects_count, tenant_objects_erasing
from tenants.registry.models import Offboarding, RegionMove, Retrieval, Status, Tenant

log = structlog.get_logger(__name__)

LOCK: Final = "SELECT pg_try_advisory_lock(hashtextextended('search.regions:' || %s, 0))"
UNLOCK: Final = "SELECT pg_advisory_unlock(hashtextextended('search.regions:' || %s, 0))"
LOOKS: Final = 3  # for what came late, and at what was copied
TELL: Final = 2.0  # seconds between two lines about copying or emptying


def region_move(slug: str, target: str) -> Generator[str, None, None]:
    """Move the workspace, or go on with its move; yield what was done, in words.

    Asked for the Region that it comes from, before the change: gives the move up. Each line stands
    on the move's row before it is told, and so does what stops the move. Who stops listening leaves
    it under way, and the next run gets beyond the line that was told last. Raises Invalid,
    Conflict, LegalHold, RegionMoveUnderWay, and what AWS refuses; run again, it goes on.
    """
    with public_scope("owner"):
        row = Tenant.objects.filter(slug=slug).first()
        if row is None:
            raise Invalid(f"There is no workspace {slug}.")
        with _alone(row):
            move = _begun(row, target)
            try:
                for line in _steps(row, move):
                    if line == move.step:  # told when the last run ended: this one gets beyond it
                        continue
                    _note(move, step=line)
                    yield line
            except (Exception, KeyboardInterrupt) as error:
                _note(move, state=State.STOPPED, error=stopped_by(error))
                raise


def region_move_ready(row: Tenant) -> None:
    """Raise Conflict or LegalHold where the workspace cannot be moved to whatever Region."""
    if row.status != Status.SUSPENDED:
        state = row.get_status_display().lower()
        raise Conflict(f"{row.slug} is {state}; suspend it first, so that nothing is stored.")
    hold_refuse(row.id)
    leaving = Offboarding.objects.filter(tenant_id=row.id, state=Offboarding.State.RUNNING)
    if leaving.exists() or restore_unfinished(row.schema_name):
        raise Conflict(f"{row.slug} is being erased or restored.")
    tenant: TenantContext = row.context
    regionmoves.jobs_require(tenant)
    with entered(tenant):
        elsewhere = KnowledgeCopy.objects.exists() or move_under_way() is not None
    if row.retrieval != Retrieval.SCHEMA or elsewhere:
        raise Conflict(
            f"Passages of {row.slug} are in a Knowledge Base, which stays in its Region. Resume it,"
            f" run `move_retrieval --tenant {row.slug} --to schema` and suspend it again; after the"
            " move its vectors can be moved back."
        )


def region_move_require(row: Tenant, target: str) -> None:
    """Raise Invalid, Conflict, LegalHold or GuardrailPoolEmpty where it cannot be moved there."""
    if target not in settings.REGIONS:
        offered = ", ".join(settings.REGIONS)
        raise Invalid(f"{target} is no Region of this deployment; it offers {offered} (`REGIONS`).")
    if row.region == target:
        raise Conflict(f"{row.slug} is in {target} already.")
    region_move_ready(row)
    regionmoves.region_require(row.context, target)


@contextmanager
def _alone(tenant: Tenant) -> Iterator[None]:
    """Hold the workspace's lock for the block; it falls with the connection, in a crash too."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [str(tenant.id)])
        if cursor.fetchone() != (True,):
            raise RegionMoveUnderWay(f"{tenant.slug} is being moved by another process.")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(UNLOCK, [str(tenant.id)])


def _begun(row: Tenant, target: str) -> RegionMove:
    """Return the move as it is under way, or begin it where nothing speaks against it."""
    try:
        return _begin(row.id, target)
    except TenantryError as error:
        unbegun = RegionMove.objects.filter(tenant_id=row.id, target=target, begun_at=None)
        unbegun.filter(state=State.WAITING).update(
            state=State.REFUSED, error=stopped_by(error), changed_at=Now(), finished_at=Now()
        )
        raise


@transaction.atomic
def _begin(tenant_id: UUID, target: str) -> RegionMove:
    row = Tenant.objects.select_for_update().get(id=tenant_id)  # so that nobody resumes it
    move = region_move_open(tenant_id)
    if move is not None:
        move.back = target == move.origin == row.region
    else:
        move = RegionMove(tenant_id=tenant_id, origin=row.region, target=target)
    if target != move.target and not move.back:
        raise Conflict(f"{row.slug} is being moved from {move.origin} to {move.target}.")
    if move.begun_at is None and not move.back:
        region_move_require(row, target)
        move.begun_at = timezone.now()
    if move.back:
        move.prepared, move.copied = False, ""  # what there is of it goes
        move.round, move.total = 0, None
    move.state, move.error, move.changed_at = State.RUNNING, "", timezone.now()
    move.save()
    return move


def _steps(row: Tenant, move: RegionMove) -> Iterator[str]:
    tenant: TenantContext = Tenant.objects.get(id=row.id).context
    if move.back:
        if move.begun_at is not None:
            yield from _emptied(tenant, move, move.target)
        _given_up(tenant, move)
        yield f"The move is given up; {row.slug} is in {move.origin} as it was."
        return
    if tenant.region == move.origin:
        if not move.prepared:
            regionmoves.region_prepare(tenant, move.target)
            _note(move, prepared=True)
            yield f"{move.target} is prepared"
        yield from _copied(tenant, move)
        told = f"{move.objects_passed} objects are in {bucket(move.target)}"
        yield f"{told}, {move.bytes_passed} bytes"
        there = _changed(tenant, move)
        tenant = replace(tenant, region=move.target)
        yield "; ".join([f"{row.slug} is in {move.target} now", *there])
    yield from _finished(tenant, move)


def _note(move: RegionMove, **told: Any) -> None:
    RegionMove.objects.filter(id=move.id).update(**told, changed_at=Now())


def _progress(move: RegionMove, **told: Any) -> None:
    """Note how far it is, for this run and for the next one."""
    for name, value in told.items():
        setattr(move, name, value)
    _note(move, **told)


def stopped_by(error: BaseException) -> str:
    """Return what staff read of it: our own words, and of what was not foreseen its kind alone."""
    if isinstance(error, AwsError) and error.aws_code:
        return f"{error.detail} ({error.aws_code})"
    return error.detail if isinstance(error, TenantryError) else type(error).__name__


def _copied(tenant: TenantContext, move: RegionMove) -> Iterator[str]:
    """Copy the objects, then compare them until that changes nothing; tell how far it is.

    Raises Unavailable where something is stored again and again.
    """
    if move.total is None:
        size = tenant_objects_size(tenant, move.origin)
        fresh: dict[str, Any] = {"objects_passed": 0, "bytes_passed": 0, "changed": False}
        _progress(move, total=size, **fresh, leaving=None, deleted=0)
    for _ in range(LOOKS):
        yield from _round(tenant, move)
        if move.round and not move.changed:
            return
        _progress(
            move, round=move.round + 1, copied="", objects_passed=0, bytes_passed=0, changed=False
        )
    raise Unavailable(f"Something was still being stored in {move.origin}. Run it again.")


def _round(tenant: TenantContext, move: RegionMove) -> Iterator[str]:
    """Go through the objects once, behind the one that the last run came to."""
    assert move.begun_at is not None
    way = (tenant, move.origin, move.target)
    walk, done = tenant_objects_copy(*way, after=move.copied), "are in"
    if move.round:
        walk = tenant_objects_compare(*way, since=move.begun_at, after=move.copied)
        done = "are compared in"
    told = time.monotonic()
    for number, passed in enumerate(walk, 1):
        move.changed |= passed.sent
        if passed.key:
            move.copied = passed.key
            move.objects_passed += 1
            move.bytes_passed += passed.bytes
        worth = passed.sent or not move.round or number % LISTED_AT_ONCE == 0
        going = worth and move.objects_passed < (move.total or 0)
        if going and time.monotonic() - told >= TELL:
            _walked(move)
            yield f"{move.objects_passed} of {move.total} objects {done} {bucket(move.target)}"
            told = time.monotonic()
    _walked(move)


def _walked(move: RegionMove) -> None:
    names = ("copied", "changed", "objects_passed", "bytes_passed")
    _note(move, **{name: getattr(move, name) for name in names})


@transaction.atomic
def _changed(tenant: TenantContext, move: RegionMove) -> list[str]:
    """Let the registry say the new Region, on both records; return what else is so from now on."""
    found = Tenant.objects.filter(id=tenant.id, region=move.origin, status=Status.SUSPENDED)
    if not found.update(region=move.target):
        raise Conflict(f"{tenant.slug} was changed meanwhile.")
    told: dict[str, Any] = {
        "action": "workspace.region_moved",
        "object_type": "workspace",
        "object_id": tenant.id,
        "origin": move.origin,
        "target": move.target,
        "objects": move.objects_passed,
        "bytes": move.bytes_passed,
    }
    regionmoves.own_guardrail_claim(tenant, move.target)
    audit_write(SYSTEM, **told)
    with entered(replace(tenant, region=move.target)):
        audit_write(SYSTEM, **told)
        return moved_told()


@transaction.atomic
def _given_up(tenant: TenantContext, move: RegionMove) -> None:
    _note(move, state=State.GIVEN_UP, finished_at=Now())
    told: dict[str, Any] = {
        "action": "workspace.region_kept",
        "object_type": "workspace",
        "object_id": tenant.id,
        "origin": move.origin,
        "target": move.target,
    }
    audit_write(SYSTEM, **told)
    with entered(tenant):
        audit_write(SYSTEM, **told)


def _finished(tenant: TenantContext, move: RegionMove) -> Iterator[str]:
    """Make what the new Region still lacks, and empty the old one."""
    regionmoves.region_prepare(tenant, move.target)
    for _ in range(LOOKS):
        yield from _emptied(tenant, move, move.origin)
        if not _left(tenant, move.origin):
            _note(move, state=State.DONE, finished_at=Now())
            told = {"tenant_id": str(tenant.id), "origin": move.origin, "target": move.target}
            log.info("tenants.region_moved", **told)
            yield f"Nothing of {tenant.slug}'s own is left in {move.origin}."
            for line in logs_expiring(replace(tenant, region=move.origin)):
                yield f"{line.what}: {line.where} expires by {line.until:%d %B %Y}"
            return
    raise Unavailable(f"Something is still being stored in {move.origin}. Run it again.")


def _emptied(tenant: TenantContext, move: RegionMove, region: str) -> Iterator[str]:
    """Delete what is the workspace's own in a Region that it is not in; tell how far it is.

    What was stored meanwhile in the old Region is copied before it goes. Each run begins with what
    is left, so that where it is needs no note.
    """
    there, told, late = replace(tenant, region=region), time.monotonic(), [0]
    since = move.begun_at if region == move.origin else None

    def kept(versions: Sequence[Any]) -> None:
        if since is not None:
            late[0] += tenant_objects_late(move.origin, move.target, versions, since)

    try:
        if move.leaving is None:
            _progress(move, leaving=tenant_objects_count(there), deleted=0)
        for deleted in tenant_objects_erasing(there, before=kept):
            _progress(move, deleted=move.deleted + deleted)
            if late[0]:
                yield f"{late.pop()} objects more, which were stored meanwhile"
                late.append(0)
            left = (move.leaving or 0) - move.deleted
            if left > 0 and time.monotonic() - told >= TELL:
                yield f"{left} stored objects are still to be deleted in {bucket(region)}"
                told = time.monotonic()
    except AwsError as error:
        if error.aws_code != "NoSuchBucket":  # of a Region that could not be prepared
            raise
    count = move.deleted
    _progress(move, leaving=None, deleted=0)
    if count:
        yield f"{count} stored objects deleted in {bucket(region)}"
    for line in regionmoves.region_leave(tenant, region):
        yield f"{line.what} deleted: {line.where}"


def _left(tenant: TenantContext, region: str) -> int:
    objects = tenant_objects_count(replace(tenant, region=region))
    return objects + regionmoves.region_left(tenant, region)
