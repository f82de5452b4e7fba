"""Hold the invocation log against the ledger: true estimates up, and say what either side lacks.

A logged attempt names its reservation, so both sides are compared call by call: the sums of all
attempts that were logged with the sums of all entries of the call. Where the ledger guessed, it
follows the log; where it did not, a difference is a finding. Guardrail checks of their own, batch
jobs, reranking and Knowledge Bases are in no invocation log.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.db import connection

from bedrock.findings import finding_record, findings_resolve
from bedrock.logrecords import EMBEDDING_UNITS, GUARDRAIL_UNITS, LOGGED, TEXT_UNITS
from bedrock.models import LogCursor, LogFinding, LoggedCall
from bedrock.profiles import unknown_arns
from billing.trueup import Booked, booked_of, true_up
from billing.units import Unit

GRACE: Final = timedelta(hours=6)
"""How long the log may take; AWS usually delivers within minutes."""
LOOK_BACK: Final = timedelta(days=3)
CALLS_AT_ONCE: Final = 500
Kind = LogFinding.Kind
State = LoggedCall.State

UNLOGGED: Final = """
    SELECT r.id, r.request_id
      FROM billing_reservation r
      JOIN registry_tenant t ON t.id = r.tenant_id
      LEFT JOIN bedrock_policydecision d ON d.reservation_id = r.id
     WHERE r.state IN ('settled', 'swept')
       AND r.created_at > now() - %(back)s * interval '1 second'
       AND r.created_at < %(until)s
       AND coalesce(d.region, t.region) = %(region)s
       AND (d.operation = ANY(%(logged)s) OR d.id IS NULL AND r.state = 'swept')
       AND NOT EXISTS (SELECT FROM bedrock_loggedcall c WHERE c.reservation_id = r.id)
       AND NOT EXISTS (SELECT FROM bedrock_logfinding f
                        WHERE f.kind = 'not_logged' AND f.subject = r.id::text)
     ORDER BY r.created_at
"""


@dataclass(slots=True)
class Matched:
    """What one run did, in calls."""

    equal: int = 0
    trued: int = 0
    findings: int = 0
    waiting: int = 0


@dataclass(slots=True)
class _Logged:
    """All that was logged of one call."""

    rows: list[LoggedCall]

    @property
    def units(self) -> dict[Unit, int]:
        """Return the sums of what its attempts used."""
        total: dict[Unit, int] = {}
        for row in self.rows:
            for name, amount in row.units.items():
                total[Unit(name)] = total.get(Unit(name), 0) + amount
        return total

    @property
    def compared(self) -> set[Unit]:
        """Return the units that the log tells of such a call."""
        first = self.rows[0]
        if first.operation.startswith("InvokeModel"):
            return set(EMBEDDING_UNITS)
        served = [row for row in self.rows if not row.error_code]
        guarded = bool(served) and all(row.guarded for row in served)
        return set(TEXT_UNITS) | (set(GUARDRAIL_UNITS) if guarded else set())

    @property
    def wanted(self) -> dict[Unit, int]:
        """Return what the ledger should say of the units that are compared."""
        truth = self.units
        return {unit: truth.get(unit, 0) for unit in self.compared}


def region_match(region: str, *, grace: timedelta = GRACE) -> Matched:
    """Match what is new in a Region, in the scope of `ops`."""
    done = Matched()
    new = LoggedCall.objects.filter(region=region, state=State.NEW)
    for row in new.filter(reservation_id=None):
        _unknown(row, "it names no reservation", done)
    named = iter(
        new.exclude(reservation_id=None)
        .order_by("read_at")
        .values_list("reservation_id", flat=True)
        .distinct()
    )
    while several := list(islice(named, CALLS_AT_ONCE)):
        _match([found for found in several if found], grace, done)
    return done


def _match(reservations: list[UUID], grace: timedelta, done: Matched) -> None:
    calls: dict[UUID, _Logged] = {}
    for row in LoggedCall.objects.filter(reservation_id__in=reservations):
        assert row.reservation_id is not None
        calls.setdefault(row.reservation_id, _Logged([])).rows.append(row)
    booked = booked_of(reservations)
    strange = unknown_arns(row.model_id for logged in calls.values() for row in logged.rows)
    equal: dict[UUID, _Logged] = {}
    closed: list[UUID] = []
    for reservation, logged in calls.items():
        foreign = [row for row in logged.rows if row.tenant_id is None]
        logged.rows = [row for row in logged.rows if row.tenant_id is not None]
        found = booked.get(reservation)
        for row in foreign:
            _unknown(row, "its identity is not the tenant's that it names", done)
        if not logged.rows:
            continue
        if odd := [row for row in logged.rows if row.model_id in strange]:
            for row in odd:
                _unknown(row, "no profile or throughput of ours has the ARN that it called", done)
            continue
        if found is None or any(row.tenant_id != found.tenant_id for row in logged.rows):
            for row in logged.rows:
                _unknown(row, "the ledger has no such reservation of this tenant", done)
            continue
        differences = _differences(found, logged)
        if found.state != "held" and not differences:
            equal[reservation] = logged
        elif _decided(found, logged, differences, grace, done):
            closed.append(reservation)
    findings_resolve(map(str, equal), Kind.DIFFERS, Kind.UNBILLED)
    _close([row for logged in equal.values() for row in logged.rows], State.MATCHED)
    findings_resolve(map(str, [*equal, *closed]), Kind.NOT_LOGGED)
    done.equal += len(equal)


def _differences(booked: Booked, logged: _Logged) -> dict[str, dict[str, int]]:
    """Return where the two sides differ, by the unit's name."""
    return {
        unit.value: {"log": amount, "ledger": booked.units.get(unit, 0)}
        for unit, amount in logged.wanted.items()
        if amount != booked.units.get(unit, 0)
    }


def _decided(
    booked: Booked,
    logged: _Logged,
    differences: dict[str, dict[str, int]],
    grace: timedelta,
    done: Matched,
) -> bool:
    """True an estimate up or record what differs; False while either side may still change."""
    if booked.state == "held":
        done.waiting += 1
        return False
    if booked.estimated and booked.state != "released":
        last = logged.rows[-1]
        true_up(booked, logged.wanted, region=last.region, profile_arn=last.model_id)
        _close(logged.rows, State.TRUED)
        done.trued += 1
    elif _is_young(logged.rows, grace):
        done.waiting += 1  # an embedding's other texts may still come
        return False
    else:
        kind = Kind.UNBILLED if booked.state == "released" else Kind.DIFFERS
        _find(kind, str(booked.reservation_id), logged.rows[0], differences=differences)
        _close(logged.rows, State.DIFFERS)
        done.findings += 1
    return True


def _is_young(rows: Iterable[LoggedCall], grace: timedelta) -> bool:
    return _database_now() - max(row.at for row in rows) < grace


def _close(rows: Iterable[LoggedCall], state: State) -> None:
    names = [row.aws_request_id for row in rows if row.state != state]
    LoggedCall.objects.filter(aws_request_id__in=names).update(state=state)


def _unknown(row: LoggedCall, why: str, done: Matched) -> None:
    if row.state != State.UNKNOWN:
        _find(Kind.NOT_IN_LEDGER, row.aws_request_id, row, why=why)
        _close([row], State.UNKNOWN)
        done.findings += 1


def _find(kind: Kind, subject: str, row: LoggedCall, **detail: Any) -> None:
    finding_record(
        kind,
        subject,
        region=row.region,
        tenant_id=row.tenant_id,
        request_id=row.request_id,
        operation=row.operation,
        identity=row.identity,
        **detail,
    )


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
    return now


def unlogged_find(region: str, *, grace: timedelta = GRACE) -> Mapping[str, int]:
    """Look for calls that are in the ledger and, after `grace`, in no log.

    An estimate of such a call is taken back: it was never sent. Only calls are judged that are
    older than both the last full reading and the newest call that was logged: a log that has
    stopped proves nothing.
    """
    found = {"never_sent": 0, "not_logged": 0}
    cursor = LogCursor.objects.filter(region=region).first()
    if cursor is None or cursor.read_at is None or cursor.newest is None:
        return found
    until = min(cursor.read_at, cursor.newest) - grace
    names: dict[str, Any] = {
        "back": LOOK_BACK.total_seconds(),
        "until": until,
        "region": region,
        "logged": list(LOGGED),
    }
    with connection.cursor() as rows:
        rows.execute(UNLOGGED, names)
        pairs = rows.fetchall()
    requests = dict(pairs)
    for reservation, booked in booked_of(list(requests)).items():
        about: dict[str, Any] = {
            "region": region,
            "tenant_id": booked.tenant_id,
            "request_id": requests[reservation],
            "ledger": {unit.value: amount for unit, amount in booked.units.items()},
        }
        if booked.estimated:
            true_up(booked, dict.fromkeys(booked.units, 0), region=region, profile_arn="")
            finding_record(Kind.NEVER_SENT, str(reservation), resolved=True, **about)
            found["never_sent"] += 1
        elif any(booked.units.values()):
            finding_record(Kind.NOT_LOGGED, str(reservation), **about)
            found["not_logged"] += 1
    return found
