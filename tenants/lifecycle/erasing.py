"""Erase a workspace, step by step, and sign a receipt of what was erased where.

Each step can be repeated and is recorded when done; a run that was cut off goes on behind the last
one. The order: stop what runs, archive the audit, let the apps erase what lies outside the schema,
then objects, shared state, rows, schema and role. A request or a task that was under way when the
workspace closed may store something behind its step: once nobody can stand in the schema any more,
each step is asked what is left, and the receipt is signed when the answer is nothing. Runs under
the owner's login.
"""

from collections.abc import Iterator
from typing import Any, Final

import structlog
from django.db import transaction
from django.utils import timezone

from tenants.context import TenantContext, entered, public_scope
from tenants.errors import Unavailable
from tenants.lifecycle import receipts
from tenants.lifecycle.holding import hold_refuse
from tenants.lifecycle.regionstate import region_move_refuse
from tenants.lifecycle.schema import has_tables
from tenants.lifecycle.steps import Erased, EraseStep, erase_steps
from tenants.registry.models import Offboarding, Status, Tenant

log = structlog.get_logger(__name__)

LOCK: Final = "tenants.erasing"
SCHEMA_ORDER: Final = 90  # from here on there is no schema to stand in
LOOKS: Final = 3  # for what came late


def erase(offboarding: Offboarding) -> Iterator[Erased]:
    """Erase the workspace and yield each line of the receipt as its step is done.

    Raises LegalHold, and Conflict between two Regions, before anything is done; Unavailable when
    something is there again each time that it was erased. A step that fails is recorded on the row
    and raised; run again, this goes on with it.
    """
    with public_scope("owner"):
        hold_refuse(offboarding.tenant_id)
        region_move_refuse(offboarding.tenant_id)
        tenant = _begun(offboarding)
        for step in erase_steps():
            if step.name in offboarding.erased:
                continue
            try:
                lines = _run(step, tenant)
            except Exception as error:
                offboarding.error = f"{step.name}: {type(error).__name__}: {error}"[:1000]
                offboarding.save(update_fields=["error"])
                raise
            _record(offboarding, step, lines)
            yield from lines
        yield from _late(offboarding, tenant)
        _finished(offboarding, tenant)
    log.info("tenants.erased", tenant_id=str(tenant.id))


def _late(offboarding: Offboarding, tenant: TenantContext) -> Iterator[Erased]:
    """Erase what was stored behind its step; from here on nobody reads the tenant as living."""
    Tenant.objects.filter(id=tenant.id).update(status=Status.DELETED)
    for _ in range(LOOKS):
        left = leftovers(tenant)
        if not left:
            return
        for step in erase_steps():
            if step.name in left:
                lines = _run(step, tenant)
                _record(offboarding, step, lines)
                yield from lines
    if left := leftovers(tenant):
        offboarding.error = f"left: {left}"[:1000]
        offboarding.save(update_fields=["error"])
        raise Unavailable(f"Something is still being stored: {', '.join(left)}. Run it again.")


def leftovers(tenant: TenantContext) -> dict[str, int]:
    """Return what is still there of an erased workspace, by step; empty when nothing is."""
    with public_scope("owner"):
        stands = has_tables(tenant.schema)
        found = {step.name: _left(step, tenant) for step in erase_steps() if _asks(step, stands)}
    return {name: count for name, count in found.items() if count}


def _asks(step: EraseStep, schema_stands: bool) -> bool:
    return schema_stands or not step.reads_schema


def _left(step: EraseStep, tenant: TenantContext) -> int:
    if not step.reads_schema:
        return step.left(tenant)
    with entered(tenant):
        return step.left(tenant)


def _begun(offboarding: Offboarding) -> TenantContext:
    """Close the workspace: from now on no request, socket or task of it is served."""
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update().get(id=offboarding.tenant_id)
        if tenant.status != Status.DELETED:
            tenant.status = Status.SUSPENDED
            tenant.save(update_fields=["status"])
        offboarding.state = Offboarding.State.RUNNING
        offboarding.save(update_fields=["state"])
    context: TenantContext = tenant.context
    return context


def _run(step: EraseStep, tenant: TenantContext) -> list[Erased]:
    if step.order >= SCHEMA_ORDER:
        return list(step.run(tenant))
    with entered(tenant):
        return list(step.run(tenant))


def _record(offboarding: Offboarding, step: EraseStep, lines: list[Erased]) -> None:
    at = timezone.now().isoformat(timespec="seconds")
    before = offboarding.erased.get(step.name, [])
    offboarding.erased[step.name] = before + [_line(line, at) for line in lines]
    offboarding.error = ""
    offboarding.save(update_fields=["erased", "error"])


def _line(line: Erased, at: str) -> dict[str, Any]:
    told = {"what": line.what, "where": line.where, "count": line.count, "at": at}
    return told | ({"expires_by": line.until.isoformat()} if line.until else {})


def _finished(offboarding: Offboarding, tenant: TenantContext) -> None:
    with transaction.atomic():
        offboarding.state = Offboarding.State.DONE
        offboarding.finished_at = timezone.now()
        offboarding.receipt = receipts.receipt(offboarding, tenant)
        offboarding.signature = receipts.signature(offboarding.receipt)
        offboarding.save(update_fields=["state", "finished_at", "receipt", "signature"])
