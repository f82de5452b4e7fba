"""Move a suspended workspace to another Region: the old one keeps everything until the new one has.

The note on its schema says that a move is under way (`tenants.lifecycle.regionnote`), and the
registry's Region on which side of the change it is. Before the change the workspace is whole in the
old Region, after it in the new one; each step can be repeated, so a run that was cut off is
followed by another. What calls cost stays in the ledger as it was, with the Region they went to.
Runs under the owner's login, one process at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from bedrock import regionmoves
from bedrock.erasing import logs_expiring
from search.copies import move_under_way
from search.models import KnowledgeCopy
from tenants.accounts.audit import audit_write
from tenants.context import SYSTEM, TenantContext, entered, public_scope
from tenants.errors import Conflict, Invalid, Unavailable
from tenants.lifecycle.holding import hold_refuse
from tenants.lifecycle.regionnote import RegionMove, region_note, region_noted
from tenants.lifecycle.restoring import restore_unfinished
from tenants.objectmoving import Copied, tenant_objects_copy, tenant_objects_late
from tenants.objects import bucket, tenant_objects_count, tenant_objects_erase
from tenants.registry.models import Offboarding, Retrieval, Status, Tenant

log = structlog.get_logger(__name__)

LOCK: Final = "SELECT pg_try_advisory_lock(hashtextextended('search.regions:' || %s, 0))"
UNLOCK: Final = "SELECT pg_advisory_unlock(hashtextextended('search.regions:' || %s, 0))"
LOOKS: Final = 3  # for what came late


def region_move(slug: str, target: str) -> Iterator[str]:
    """Move the workspace, or go on with its move; yield what was done, in words.

    Asked for the Region that it comes from, before the change: gives the move up. Raises Invalid,
    Conflict, LegalHold, and what AWS refuses; run again, it goes on.
    """
    with public_scope("owner"):
        row = Tenant.objects.filter(slug=slug).first()
        if row is None:
            raise Invalid(f"There is no workspace {slug}.")
        with _alone(row):
            move = _begun(row.id, target)
            tenant: TenantContext = Tenant.objects.get(id=row.id).context
            if target == move.origin:
                yield from _emptied(tenant, move.target)
                region_note(tenant.schema, None)
                yield f"The move is given up; {slug} is in {move.origin} as it was."
                return
            if tenant.region == move.origin:
                regionmoves.region_prepare(tenant, target)
                yield f"{target} is prepared"
                copied = tenant_objects_copy(tenant, move.origin, target)
                yield f"{copied.objects} objects are in {bucket(target)}, {copied.bytes} bytes"
                _changed(tenant, move, copied)
                tenant = replace(tenant, region=target)
                yield f"{slug} is in {target} now"
            yield from _finished(tenant, move)
            region_note(tenant.schema, None)
    log.info("tenants.region_moved", tenant_id=str(tenant.id), origin=move.origin, target=target)


@contextmanager
def _alone(tenant: Tenant) -> Iterator[None]:
    """Hold the workspace's lock for the block; it falls with the connection, in a crash too."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [str(tenant.id)])
        if cursor.fetchone() != (True,):
            raise Conflict(f"{tenant.slug} is being moved by another process.")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(UNLOCK, [str(tenant.id)])


@transaction.atomic
def _begun(tenant_id: object, target: str) -> RegionMove:
    """Return the move under way, or note a new one where nothing speaks against it."""
    row = Tenant.objects.select_for_update().get(id=tenant_id)
    move = region_noted(row.schema_name)
    if move is not None:
        back = target == move.origin == row.region
        if target != move.target and not back:
            raise Conflict(f"{row.slug} is being moved from {move.origin} to {move.target}.")
        return move
    _require(row, target)
    move = RegionMove(row.region, target, timezone.now())
    region_note(row.schema_name, move)
    return move


def _require(row: Tenant, target: str) -> None:
    """Raise Invalid, Conflict or LegalHold where the workspace cannot be moved there."""
    if target not in settings.REGIONS:
        offered = ", ".join(settings.REGIONS)
        raise Invalid(f"{target} is no Region of this deployment; it offers {offered} (`REGIONS`).")
    if row.region == target:
        raise Conflict(f"{row.slug} is in {target} already.")
    if row.status != Status.SUSPENDED:
        state = row.get_status_display().lower()
        raise Conflict(f"{row.slug} is {state}; suspend it first, so that nothing is stored.")
    hold_refuse(row.id)
    leaving = Offboarding.objects.filter(tenant_id=row.id, state=Offboarding.State.RUNNING)
    if leaving.exists() or restore_unfinished(row.schema_name):
        raise Conflict(f"{row.slug} is being erased or restored.")
    tenant: TenantContext = row.context
    regionmoves.region_require(tenant, target)
    with entered(tenant):
        elsewhere = KnowledgeCopy.objects.exists() or move_under_way() is not None
    if row.retrieval != Retrieval.SCHEMA or elsewhere:
        raise Conflict(
            f"Passages of {row.slug} are in a Knowledge Base, which stays in its Region. Resume it,"
            f" run `move_retrieval --tenant {row.slug} --to schema` and suspend it again; after the"
            " move its vectors can be moved back."
        )


@transaction.atomic
def _changed(tenant: TenantContext, move: RegionMove, copied: Copied) -> None:
    """Let the registry say the new Region, on both records."""
    found = Tenant.objects.filter(id=tenant.id, region=move.origin, status=Status.SUSPENDED)
    if not found.update(region=move.target):
        raise Conflict(f"{tenant.slug} was changed meanwhile.")
    told: dict[str, Any] = {
        "action": "workspace.region_moved",
        "object_type": "workspace",
        "object_id": tenant.id,
        "origin": move.origin,
        "target": move.target,
        "objects": copied.objects,
        "bytes": copied.bytes,
    }
    regionmoves.own_guardrail_claim(tenant, move.target)
    audit_write(SYSTEM, **told)
    with entered(replace(tenant, region=move.target)):
        audit_write(SYSTEM, **told)


def _finished(tenant: TenantContext, move: RegionMove) -> Iterator[str]:
    """Make what the new Region still lacks, and empty the old one."""
    regionmoves.region_prepare(tenant, move.target)
    for _ in range(LOOKS):
        if late := tenant_objects_late(tenant, move.origin, move.target, move.since):
            yield f"{late} objects more, which were stored meanwhile"
        yield from _emptied(tenant, move.origin)
        if not _left(tenant, move.origin):
            yield f"Nothing of {tenant.slug}'s own is left in {move.origin}."
            for line in logs_expiring(replace(tenant, region=move.origin)):
                yield f"{line.what}: {line.where} expires by {line.until:%d %B %Y}"
            return
    raise Unavailable(f"Something is still being stored in {move.origin}. Run it again.")


def _emptied(tenant: TenantContext, region: str) -> Iterator[str]:
    """Delete what is the workspace's own in a Region that it is not in."""
    if count := tenant_objects_erase(replace(tenant, region=region)):
        yield f"{count} stored objects deleted in {bucket(region)}"
    for line in regionmoves.region_leave(tenant, region):
        yield f"{line.what} deleted: {line.where}"


def _left(tenant: TenantContext, region: str) -> int:
    objects = tenant_objects_count(replace(tenant, region=region))
    return objects + regionmoves.region_left(tenant, region)
