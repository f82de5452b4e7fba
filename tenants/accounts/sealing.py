"""Seal the audit in runs, each hash over the rows and the hash before, and check the chain.

A row that was changed, taken out or put in between shows as a digest that does not fit; a seal that
was taken out as a gap; seals that were all made anew as digests other than the anchors that
`public` holds. What is not yet sealed is at most some minutes old.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from django.db import connection, transaction
from django.db.models import Max

from tenants.accounts.audit import LOCK
from tenants.accounts.auditstream import audit_stream
from tenants.accounts.models import AuditEvent, AuditSeal
from tenants.context import current_or_none
from tenants.registry.models import AuditAnchor

log = structlog.get_logger(__name__)

ROWS_A_SEAL: Final = 1000

_SEALING: Final = "SELECT pg_try_advisory_xact_lock(%s, hashtext(current_schema()))"


@dataclass(frozen=True)
class AuditCheck:
    """What a check found. `first_id` and `last_id` bound the rows that `wrong` is about."""

    seals: int
    rows: int
    sealed_until: datetime | None
    unsealed: int
    wrong: str = ""
    first_id: int = 0
    last_id: int = 0

    @property
    def sound(self) -> bool:
        return not self.wrong


def audit_seal() -> int:
    """Seal what has been written since the last seal; return how many rows.

    While anybody is writing, nothing is sealed and the next run does it: ids are given before
    transactions end, and a row must not come in below what is sealed. Nor is anything sealed where
    seals have gone that were anchored: the chain would hide it.
    """
    sealed = 0
    while rows := _seal_one():
        sealed += rows
    return sealed


def _seal_one() -> int:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_SEALING, [LOCK])
            if not cursor.fetchone()[0]:
                return 0
        before = AuditSeal.objects.order_by("-number").first()
        last, number = (before.last_id, before.number + 1) if before else (0, 1)
        if _highest_anchor() >= number:
            log.error("accounts.seals_missing", number=number)
            return 0
        events = list(AuditEvent.objects.filter(id__gt=last).order_by("id")[:ROWS_A_SEAL])
        if not events:
            return 0
        seal = AuditSeal.objects.create(
            number=number,
            first_id=events[0].id,
            last_id=events[-1].id,
            rows=len(events),
            digest=digest_of(before.digest if before else "", events),
        )
        tenant = current_or_none()
        if tenant is not None:
            AuditAnchor.objects.create(tenant_id=tenant.id, number=seal.number, digest=seal.digest)
            told = [event_told(event) for event in events]
            audit_stream(seal, before.digest if before else "", told)
        return len(events)


def digest_of(before: str, events: Iterable[AuditEvent]) -> str:
    """Return SHA-256, in hex, over the digest before and each row as canonical JSON."""
    digest = hashlib.sha256(before.encode())
    for event in events:
        digest.update(b"\n" + json.dumps(event_told(event), sort_keys=True).encode())
    return digest.hexdigest()


def event_told(event: AuditEvent) -> dict[str, object]:
    """Return all of a row; exports and seals hold the same."""
    return {
        "id": event.id,
        "at": event.at.isoformat(),
        "actor_id": str(event.actor_id or ""),
        "actor_kind": event.actor_kind,
        "action": event.action,
        "object_type": event.object_type,
        "object_id": event.object_id,
        "request_id": event.request_id,
        "address": event.address,
        "data": event.data,
    }


def audit_check(*, newest: int | None = None) -> AuditCheck:
    """Check the chain from its beginning, or its `newest` seals alone."""
    last = AuditSeal.objects.aggregate(Max("number"))["number__max"] or 0
    pruned = _pruned()
    start = max(1, pruned + 1, last - newest + 1 if newest else 1)
    seals = rows = 0
    before: AuditSeal | None = AuditSeal.objects.filter(number=start - 1).first()
    anchors = _anchors(start - 1)
    highest = max([last, *anchors])
    wrong, at = "", (0, 0)
    if start > 1 and (before is None or anchors.pop(start - 1, before.digest) != before.digest):
        wrong = f"Seal {start - 1} is missing or was replaced."
    for number, seal in _numbered(start, highest) if not wrong else ():
        if seal is None:
            wrong, at = f"Seal {number} is missing.", (before.last_id if before else 0, 0)
            break
        lower = before.last_id if before else 0
        found = AuditEvent.objects.filter(id__gt=lower, id__lte=seal.last_id).order_by("id")
        digest = digest_of(before.digest if before else "", found.iterator(ROWS_A_SEAL))
        if digest != seal.digest:
            wrong = "An entry was changed, taken out or put in."
        elif anchors.get(number, seal.digest) != seal.digest:
            wrong = "The entries and their seal were replaced."
        if wrong:
            at = (seal.first_id, seal.last_id)
            break
        seals, rows, before = seals + 1, rows + seal.rows, seal
    return AuditCheck(
        seals=seals,
        rows=rows,
        sealed_until=before.at if before else None,
        unsealed=AuditEvent.objects.filter(id__gt=before.last_id if before else 0).count(),
        wrong=wrong,
        first_id=at[0],
        last_id=at[1],
    )


def _anchors(start: int) -> dict[int, str]:
    tenant = current_or_none()
    if tenant is None:
        return {}
    kept = AuditAnchor.objects.filter(tenant_id=tenant.id, number__gte=start)
    return dict(kept.values_list("number", "digest"))


def _pruned() -> int:
    """Return the number of the last seal whose rows went because their retention was over."""
    tenant = current_or_none()
    if tenant is None:
        return 0
    gone = AuditAnchor.objects.filter(tenant_id=tenant.id, pruned_at__isnull=False)
    return gone.aggregate(Max("number"))["number__max"] or 0


def _highest_anchor() -> int:
    tenant = current_or_none()
    if tenant is None:
        return 0
    kept = AuditAnchor.objects.filter(tenant_id=tenant.id)
    return kept.aggregate(Max("number"))["number__max"] or 0


def _numbered(start: int, highest: int) -> Iterator[tuple[int, AuditSeal | None]]:
    """Yield every number from the first to the highest known, with its seal if it is there."""
    kept = AuditSeal.objects.filter(number__gte=start).order_by("number").iterator(ROWS_A_SEAL)
    waiting = next(kept, None)
    for number in range(start, highest + 1):
        if waiting is not None and waiting.number == number:
            yield number, waiting
            waiting = next(kept, None)
        else:
            yield number, None
