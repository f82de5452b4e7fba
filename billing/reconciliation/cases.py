"""Cases: a workspace's model on a day, with what was decided; and whether a period may be invoiced.

A case is open while AWS and the ledger differ for a reason that does not mend itself, unless a
decision covers a difference that large. Read under `staff` or `ops`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection

from billing.invoices.holds import Hold
from billing.meters import next_month
from billing.models import ReconciliationLine, ReconciliationPolicy, ReconciliationRun
from billing.money import all_digits

Cause = ReconciliationLine.Cause
PASSING: Final = (Cause.PENDING, Cause.LATE)
"""AWS mends these itself; until then nothing is wrong and nothing is certain."""
HARMLESS: Final = (Cause.EQUAL, Cause.MIDNIGHT, *PASSING)

CASES: Final = """
    WITH cases AS (
        SELECT period, day, tenant_id, model,
               sum(ledger_usd) AS ledger_usd, sum(aws_usd) AS aws_usd,
               coalesce(sum(ledger_quantity) FILTER (WHERE log_quantity IS NOT NULL), 0) AS booked,
               coalesce(sum(log_quantity), 0) AS logged,
               coalesce(sum(aws_quantity) FILTER (WHERE log_quantity IS NOT NULL), 0) AS billed,
               coalesce(sum(abs(aws_usd - ledger_usd))
                        FILTER (WHERE cause <> ALL(%(harmless)s)), 0) AS exposed,
               bool_or(allocated) AS allocated, max(aws_source) AS source,
               bool_or(cause = ANY(%(passing)s)) AS waiting, bool_and(cause = 'equal') AS equal,
               (array_agg(cause ORDER BY cause = 'equal', cause = ANY(%(harmless)s),
                                         abs(aws_usd - ledger_usd) DESC, unit))[1] AS cause
          FROM billing_reconciliationline
         WHERE period = %(period)s
           AND (%(tenants)s::uuid[] IS NULL OR tenant_id = ANY(%(tenants)s))
         GROUP BY period, day, tenant_id, model
    )
    SELECT c.*, d.kind AS decision, d.state AS decision_state, d.variance_usd AS covered,
           d.reason AS reason, coalesce(t.name, '') AS workspace, coalesce(t.slug, '') AS slug
      FROM cases c
      LEFT JOIN registry_tenant t ON t.id = c.tenant_id
      LEFT JOIN LATERAL (
           SELECT * FROM billing_reconciliationdecision d
            WHERE d.period = c.period AND d.day = c.day AND d.model = c.model
              AND d.tenant_id IS NOT DISTINCT FROM c.tenant_id AND d.state <> 'stale'
            ORDER BY d.decided_at DESC LIMIT 1) d ON true
     ORDER BY c.day DESC, workspace, c.model
"""
RELEASES: Final = """
    SELECT DISTINCT ON (tenant_id) tenant_id, variance_usd FROM billing_reconciliationdecision
     WHERE period = %(period)s AND kind = 'release' AND tenant_id IS NOT NULL
       AND (%(tenants)s::uuid[] IS NULL OR tenant_id = ANY(%(tenants)s))
     ORDER BY tenant_id, decided_at DESC
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One workspace, model and day. `exposed` adds its units' unexplained differences up."""

    period: date
    day: date
    tenant_id: UUID | None
    model: str
    ledger_usd: Decimal
    aws_usd: Decimal
    booked: Decimal
    logged: Decimal
    billed: Decimal
    exposed: Decimal
    allocated: bool
    source: str
    waiting: bool
    equal: bool
    cause: str
    decision: str | None
    decision_state: str | None
    covered: Decimal | None
    reason: str | None
    workspace: str
    slug: str

    @property
    def variance_usd(self) -> Decimal:
        """AWS minus ledger."""
        return self.aws_usd - self.ledger_usd

    @property
    def state(self) -> str:
        """equal, waiting, explained, running, accepted or open."""
        if self.equal:
            return "equal"
        if self.decision_state == "pending":
            return "running"
        if not self.exposed:
            return "waiting" if self.waiting else "explained"
        if self.decision == "accept" and self.exposed <= (self.covered or 0):
            return "accepted"
        return "open"


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a workspace's period may be invoiced; `reasons` say why not."""

    tenant_id: UUID
    exposed: Decimal
    open_cases: int
    released: bool
    reasons: Sequence[str]

    @property
    def may_issue(self) -> bool:
        return not self.reasons


def cases_of(period: date, tenants: Sequence[UUID] | None = None) -> list[Case]:
    """Return the cases of a period, or of some workspaces in it, the newest day first."""
    names = {
        "period": period,
        "tenants": None if tenants is None else list(tenants),
        "harmless": [cause.value for cause in HARMLESS],
        "passing": [cause.value for cause in PASSING],
    }
    with connection.cursor() as cursor:
        cursor.execute(CASES, names)
        return [Case(*row) for row in cursor.fetchall()]


def may_issue(tenant_id: UUID, period: date) -> Standing:
    """Say whether an invoice of a workspace's period may be issued, and why not.

    It may once AWS's bill of the whole period has been held against the ledger and what is left
    open stays within the tolerance, or staff have released it.
    """
    return standings(period, [tenant_id])[tenant_id]


def standings(
    period: date, tenants: Sequence[UUID] | None = None, *, cases: Sequence[Case] | None = None
) -> dict[UUID, Standing]:
    """Return how each workspace stands: those of `tenants`, or those that have cases."""
    terms, releases = _Terms.of(period), _releases(period, tenants)
    by_tenant: dict[UUID, list[Case]] = {tenant: [] for tenant in tenants or ()}
    for case in cases_of(period, tenants) if cases is None else cases:
        if case.tenant_id is not None:
            by_tenant.setdefault(case.tenant_id, []).append(case)
    return {
        tenant: _standing(tenant, several, terms, releases) for tenant, several in by_tenant.items()
    }


def invoice_holds(period: date, tenants: Sequence[UUID]) -> dict[UUID, list[Hold]]:
    """Return what holds each workspace's invoice, for who drafts invoices."""
    return {
        tenant: [Hold("reconciliation", reason) for reason in standing.reasons]
        for tenant, standing in standings(period, tenants).items()
        if standing.reasons
    }


@dataclass(frozen=True, slots=True)
class _Terms:
    period: date
    policy: ReconciliationPolicy
    run: ReconciliationRun | None

    @classmethod
    def of(cls, period: date) -> "_Terms":
        run = ReconciliationRun.objects.filter(period=period).first()
        return cls(period, ReconciliationPolicy.objects.get(), run)

    @property
    def settled_at(self) -> datetime:
        """When AWS's bill of the period's last day counts as whole."""
        end = datetime.combine(next_month(self.period), time(), UTC)
        return end + timedelta(hours=self.policy.settle_hours)

    def allows(self, exposed: Decimal, ledger: Decimal) -> bool:
        percent = abs(ledger) * self.policy.tolerance_percent / 100
        return exposed <= max(self.policy.tolerance_usd, percent)


def _releases(period: date, tenants: Sequence[UUID] | None) -> dict[UUID, Decimal]:
    names = {"period": period, "tenants": None if tenants is None else list(tenants)}
    with connection.cursor() as cursor:
        cursor.execute(RELEASES, names)
        return dict(cursor.fetchall())


def _standing(
    tenant: UUID, cases: Sequence[Case], terms: _Terms, releases: dict[UUID, Decimal]
) -> Standing:
    open_cases = [case for case in cases if case.state == "open"]
    exposed = sum((case.exposed for case in open_cases), Decimal(0))
    ledger = sum((case.ledger_usd for case in cases), Decimal(0))
    released = tenant in releases and exposed <= releases[tenant]
    return Standing(
        tenant,
        exposed,
        len(open_cases),
        released,
        () if released else tuple(_reasons(cases, open_cases, exposed, ledger, terms)),
    )


def _reasons(
    cases: Sequence[Case],
    open_cases: Sequence[Case],
    exposed: Decimal,
    ledger: Decimal,
    terms: _Terms,
) -> list[str]:
    month = f"{terms.period:%B %Y}"
    if terms.run is None:
        return [f"{month} has not been held against AWS's bill yet."]
    found: list[Any] = []
    if terms.run.reconciled_at < terms.settled_at:
        found.append(
            f"AWS's bill of {month} was last read before {terms.settled_at:%-d %B %H:%M} UTC, when"
            " it counts as whole."
        )
    if any(case.state == "running" for case in cases):
        found.append("A true-up is under way.")
    if not terms.allows(exposed, ledger):
        found.append(
            f"AWS's bill and the ledger differ by {all_digits(exposed)} in {len(open_cases)}"
            f" {'case' if len(open_cases) == 1 else 'cases'}, more than {terms.policy} allows."
        )
    return found
