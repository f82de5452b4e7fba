"""Read the audit: filtered, a page at a time, or whole as an export."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext

from tenants.accounts.models import AuditEvent, User
from tenants.accounts.sealing import event_told
from tenants.context import TenantContext, entered
from tenants.csvfile import cell_safe
from tenants.errors import Invalid

COLUMNS: Final = (
    "id", "at", "actor", "actor_kind", "action", "object_type", "object_id", "address",
    "request_id", "data",
)  # fmt: skip
ROWS_AT_ONCE: Final = 1000


@dataclass(frozen=True)
class AuditFilter:
    """What is looked for; an empty member leaves nothing out. Days are UTC's, both included."""

    actor: UUID | None = None
    action: str = ""
    object_id: str = ""
    request_id: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def of(cls, given: Any) -> "AuditFilter":
        """Read the filters of a query string. Raises Invalid, which names the member."""
        return cls(
            actor=_uuid(given.get("actor", "")),
            action=given.get("action", "").strip()[:80],
            object_id=given.get("object", "").strip()[:64],
            request_id=given.get("request", "").strip()[:64],
            since=_day("from", given.get("from", "")),
            until=_day("to", given.get("to", "")),
        )

    def apply(self) -> QuerySet[AuditEvent]:
        """Return the rows, newest first."""
        rows = AuditEvent.objects.all()
        if self.actor:
            rows = rows.filter(actor_id=self.actor)
        if self.action:
            rows = rows.filter(action__startswith=self.action)
        if self.object_id:
            rows = rows.filter(object_id=self.object_id)
        if self.request_id:
            rows = rows.filter(request_id=self.request_id)
        if self.since:
            rows = rows.filter(at__gte=_midnight(self.since))
        if self.until:
            rows = rows.filter(at__lt=_midnight(self.until + timedelta(days=1)))
        return rows


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Invalid(gettext("actor is a member's id; choose one of the list.")) from None


def _day(name: str, text: str) -> date | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        day = date.max
    if day is not None and not 2000 <= day.year <= 2999:
        raise Invalid(gettext("%(name)s is a day like 2026-11-25.") % {"name": name})
    return day


def names_of(events: list[AuditEvent]) -> dict[UUID, str]:
    """Return the addresses of those who did something, by id; one query."""
    wanted = {event.actor_id for event in events if event.actor_id}
    found = User.objects.filter(id__in=wanted)
    names = {user.id: user.name if user.is_service else user.email for user in found}
    staff = {event.actor_id for event in events if event.data.get("by") == "staff"}
    return {actor: "Tenantry staff" for actor in staff if actor} | names


Decided = Callable[[set[UUID]], set[UUID]]
_decided: list[Decided] = []


def decided_register(decided: Decided) -> None:
    """Say which of some requests have a record of what was decided for their model calls."""
    _decided.append(decided)


def recorded(events: list[AuditEvent]) -> set[str]:
    """Return the ids among the events' requests that have such a record; one query."""
    wanted = set()
    for event in events:
        with suppress(ValueError):
            wanted.add(UUID(event.request_id))
    if not wanted:
        return set()
    return {str(each) for decided in _decided for each in decided(wanted)}


# From each deed to the next by the index: as many steps as there are kinds, however many rows.
ACTIONS: Final = """
    WITH RECURSIVE seen AS (
        (SELECT action FROM accounts_auditevent ORDER BY action USING ~<~ LIMIT 1)
        UNION ALL
        SELECT (SELECT following.action FROM accounts_auditevent following
                WHERE following.action ~>~ seen.action ORDER BY following.action USING ~<~ LIMIT 1)
        FROM seen WHERE seen.action IS NOT NULL
    )
    SELECT action FROM seen WHERE action IS NOT NULL
"""


def actions_seen() -> list[str]:
    """Return every kind of deed that was recorded here, by name."""
    with connection.cursor() as cursor:
        cursor.execute(ACTIONS)
        return sorted(action for (action,) in cursor.fetchall())


def exported(tenant: TenantContext, wanted: AuditFilter, form: str) -> Iterator[bytes]:
    """Yield the rows as `csv` or `jsonl`, newest first, a thousand at a time.

    The tenant is entered for each part: a streamed answer is read after the request's scope has
    ended.
    """
    if form == "csv":
        yield _csv([COLUMNS])
    below: int | None = None
    while True:
        with entered(tenant):
            rows = wanted.apply()
            rows = rows.filter(id__lt=below) if below is not None else rows
            events = list(rows[:ROWS_AT_ONCE])
            names = names_of(events)
        if not events:
            return
        told = [event_row(event, names) for event in events]
        if form == "csv":
            yield _csv([[_cell(row[name]) for name in COLUMNS] for row in told])
        else:
            yield "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in told).encode()
        below = events[-1].id


def event_row(event: AuditEvent, names: dict[UUID, str]) -> dict[str, Any]:
    """Return all of a row, with the address of who did it."""
    told = event_told(event)
    actor = names.get(event.actor_id, told["actor_id"]) if event.actor_id else ""
    return {**told, "actor": actor}


def _cell(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return str(cell_safe(text))


def _csv(rows: Any) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
