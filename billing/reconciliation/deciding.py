"""What staff decide about a difference, and the corrections that follow from it.

Staff record a decision; the ops login, which alone may write every workspace's ledger, carries a
true-up out. A decision that was made twice is one, and its corrections can be written once: they
go by the decision's id.
"""

from datetime import date
from decimal import Decimal
from typing import Final, TypeAlias
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from billing.errors import ReconciliationChanged
from billing.models import ReconciliationDecision
from billing.reconciliation.cases import Case, cases_of, may_issue
from billing.reconciliation.comparing import period_reconcile
from billing.settlement import METRICS
from tenants.accounts.audit import audit_write
from tenants.context import Actor

Kind: TypeAlias = ReconciliationDecision.Kind
State: TypeAlias = ReconciliationDecision.State
FEATURE: Final = "reconciliation"
LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('billing.decisions'))"

CORRECT: Final = """
    WITH wanted AS (
        SELECT unit, round(aws_quantity - ledger_quantity)::bigint AS quantity,
               aws_usd - ledger_usd AS usd
          FROM billing_reconciliationline
         WHERE day = %(day)s AND tenant_id = %(tenant)s AND model = %(model)s AND unit <> ''
           AND cause <> ALL(%(kept)s)
    ), written AS (
        INSERT INTO billing_ledgerentry
               (id, tenant_id, month, request_id, attempt, unit, quantity, kind, estimated, model,
                route, region, profile_arn, feature, reservation_id, usd, created_at)
        SELECT gen_random_uuid(), %(tenant)s, %(period)s, %(decision)s, 1, unit, quantity,
               'correction', false, %(model)s, 'region', '', '', %(feature)s, %(decision)s, usd,
               least(now(), %(day)s + interval '1 day' - interval '1 second')
          FROM wanted WHERE quantity <> 0 OR usd <> 0
        ON CONFLICT DO NOTHING RETURNING unit, quantity, usd
    ), moved AS (
        SELECT %(metrics)s::jsonb ->> unit AS metric, quantity::numeric AS used
          FROM written WHERE %(metrics)s::jsonb ? unit
        UNION ALL
        SELECT 'spend_usd', usd FROM written
    ), counted AS (
        INSERT INTO billing_quotacounter AS c (tenant_id, period, metric, used, reserved)
        SELECT %(tenant)s, %(period)s, metric, sum(used), 0 FROM moved GROUP BY metric
         ORDER BY metric <> 'spend_usd', metric
        ON CONFLICT (tenant_id, period, metric) DO UPDATE SET used = c.used + excluded.used
    )
    SELECT count(*) FROM written
"""


@transaction.atomic
def case_decide(
    *, actor: Actor, kind: Kind, case: Case, reason: str, seen_usd: str
) -> ReconciliationDecision:
    """Record that a case is accepted, or is to be trued up.

    `seen_usd` is the exposed variance on the page that was confirmed. Raises ReconciliationChanged
    where it is another by now, and where nothing is open or there is nobody to charge. The case is
    read again while nobody else decides: of two in one instant one decides it.
    """
    _lock()
    now = _again(case)
    if now is None or str(now.exposed) != seen_usd or now.state != "open":
        raise ReconciliationChanged
    if kind is Kind.TRUE_UP and not case.slug:
        raise ReconciliationChanged("No workspace stands behind this: it can only be accepted.")
    return _record(
        actor, kind, case.period, case.tenant_id, now.exposed, reason, day=case.day,
        model=case.model,
    )  # fmt: skip


def _again(case: Case) -> Case | None:
    """Return the case as it is now."""
    one = case.day, case.tenant_id, case.model
    found = cases_of(case.period, [case.tenant_id] if case.tenant_id else None)
    return next((each for each in found if (each.day, each.tenant_id, each.model) == one), None)


def _lock() -> None:
    """Let nobody else decide until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK)


@transaction.atomic
def period_release(
    *, actor: Actor, tenant_id: UUID, period: date, reason: str, seen_usd: str
) -> ReconciliationDecision:
    """Let a workspace's period be invoiced in spite of what is open.

    Raises ReconciliationChanged.
    """
    _lock()
    standing = may_issue(tenant_id, period)
    if str(standing.exposed) != seen_usd or standing.may_issue:
        raise ReconciliationChanged
    return _record(actor, Kind.RELEASE, period, tenant_id, standing.exposed, reason)


def _record(
    actor: Actor,
    kind: Kind,
    period: date,
    tenant_id: UUID | None,
    variance: Decimal,
    reason: str,
    *,
    day: date | None = None,
    model: str = "",
) -> ReconciliationDecision:
    if actor.user_id is None:
        raise ValueError("a decision is a person's")
    waits = kind is Kind.TRUE_UP
    row = ReconciliationDecision.objects.create(
        kind=kind,
        state=State.PENDING if waits else State.DONE,
        period=period,
        tenant_id=tenant_id,
        day=day,
        model=model,
        variance_usd=variance,
        reason=reason[:500],
        decided_by=actor.user_id,
        done_at=None if waits else Now(),
    )
    audit_write(
        actor,
        action=f"reconciliation.{kind.value}",
        object_type="reconciliation",
        object_id=row.id,
        tenant=str(tenant_id or ""),
        period=str(period),
        day=str(day or ""),
        model=model,
        variance_usd=str(variance),
        reason=reason[:500],
    )
    return row


def true_ups_run() -> int:
    """Carry the true-ups out that wait, in the scope of `ops`; return how many were.

    Each moves the ledger to AWS's bill as it was when staff confirmed it: where the figures are
    others by now, it is given up, and the case is open again.
    """
    done = 0
    periods = set()
    for pk in ReconciliationDecision.objects.filter(state=State.PENDING).values_list(
        "pk", flat=True
    ):
        with transaction.atomic(durable=True):
            row = (
                ReconciliationDecision.objects.select_for_update(skip_locked=True)
                .filter(pk=pk, state=State.PENDING)
                .first()
            )
            if row is None or row.tenant_id is None or row.day is None:
                continue
            written = _corrected(row)
            row.state = State.STALE if written is None else State.DONE
            row.corrections = written or 0
            row.done_at = Now()
            row.save(update_fields=["state", "corrections", "done_at"])
        periods.add(row.period)
        done += written is not None
    for period in sorted(periods):
        period_reconcile(period)
    return done


def _corrected(row: ReconciliationDecision) -> int | None:
    """Write a decision's corrections; None where the figures are not those that were confirmed."""
    for case in cases_of(row.period, [row.tenant_id] if row.tenant_id else None):
        if (case.day, case.model) == (row.day, row.model):
            if case.exposed != row.variance_usd:
                return None
            break
    else:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            CORRECT,
            {
                "day": row.day,
                "tenant": row.tenant_id,
                "model": row.model,
                "period": row.period,
                "decision": row.id,
                "feature": FEATURE,
                "metrics": METRICS,
                "kept": ["equal", "midnight", "pending", "late"],
            },
        )
        return int(cursor.fetchone()[0])
