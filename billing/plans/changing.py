"""A workspace moves between plans: up at once, down at the month's end, out of a trial alone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.utils.translation import gettext as _

from billing import catalog
from billing.catalog import PlanTerms, plan_terms, plans_offered
from billing.errors import PlanNotOffered, TermsMissing
from billing.invoices.models import BillingAccount, PlanVersion
from billing.invoices.pricing import EXACT, cents
from billing.meters import database_now, meters_of, next_month
from billing.models import Plan, PlanLimit
from billing.money import money
from billing.plans.terms import Book, Terms, terms_read
from billing.refusals import quantity
from billing.units import METRIC_LABEL, Metric
from tenants.accounts.audit import audit_write
from tenants.context import Actor, current
from tenants.errors import Invalid, NotFound
from tenants.numbers import written
from tenants.turns import turn_take
from tenants.wording import day, grouped

log = structlog.get_logger(__name__)

MOVE: Final = "SELECT billing_move_plan(%s, %s)"
NEXT: Final = """
    INSERT INTO billing_billingaccount (tenant_id, next_plan, next_plan_on) VALUES (%s, %s, %s)
    ON CONFLICT (tenant_id) DO UPDATE
       SET next_plan = excluded.next_plan, next_plan_on = excluded.next_plan_on
"""
SINCE: Final = "SELECT max(at) FROM billing_planchange WHERE tenant_id = %s"
TURN: Final = "plan"
NOW: Final = "SELECT plan FROM billing_planchange WHERE tenant_id = %s ORDER BY at DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change does, in the words of the page. `upgrade`: it begins at once."""

    plan: PlanTerms
    terms: Terms
    upgrade: bool
    begins: date
    charged_now: Decimal
    charged_monthly: Decimal
    now: Sequence[str]
    gained: Sequence[str]
    lost: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        return {
            "plan": self.plan.code,
            "name": self.plan.name,
            "upgrade": self.upgrade,
            "begins": self.begins.isoformat(),
            "this_month_usd": str(self.charged_now),
            "monthly_usd": str(self.charged_monthly),
            "now": list(self.now),
            "gained": list(self.gained),
            "lost": list(self.lost),
        }


def trial_end(terms: Terms | None = None) -> date | None:
    """Return the first day without the trial that the entered workspace is in, None if in none."""
    terms = terms or Book().on(current().plan, database_now().date())
    if terms.trial_days is None:
        return None
    account = BillingAccount.objects.filter(tenant_id=current().id).first()
    if account and account.trial_ends_on:
        return account.trial_ends_on
    with connection.cursor() as cursor:
        cursor.execute(SINCE, [current().id])
        (since,) = cursor.fetchone()
    return (since.date() + timedelta(days=terms.trial_days)) if since else None


def plan_now() -> str:
    """Return the plan by now, which may be another than when the request began."""
    with connection.cursor() as cursor:
        cursor.execute(NOW, [current().id])
        row = cursor.fetchone()
    return str(row[0]) if row else current().plan


def plan_next() -> tuple[str, date] | None:
    """Return the plan that begins later, and when; None if none does."""
    account = BillingAccount.objects.filter(tenant_id=current().id).first()
    if account is None or not account.next_plan or account.next_plan_on is None:
        return None
    return account.next_plan, account.next_plan_on


def plan_effect(code: str, *, members: int, held: str = "") -> Effect:
    """Return what moving to the plan `code` would do. Raises NotFound, PlanNotOffered.

    `held` is the plan that it moves from, where that may be another than when the request began.
    """
    now = database_now()
    month = now.date().replace(day=1)
    held = held or current().plan
    if code == held:
        raise PlanNotOffered(_("The workspace is on this plan already."), plan=code)
    if code not in {plan.code for plan in plans_offered()}:
        raise NotFound
    book = Book()
    before, after = plan_terms(held), plan_terms(code)
    try:
        old, new = book.on(before.code, now.date()), book.on(code, now.date())
    except TermsMissing as error:
        raise PlanNotOffered(error.detail, plan=code) from error
    if new.trial_days is not None:
        raise PlanNotOffered(_("A trial can be had once, at the beginning."), plan=code)
    upgrade = _monthly(new, members) >= _monthly(old, members)
    begins = now.date() if upgrade else next_month(month)
    length = (next_month(month) - month).days
    left = (next_month(month) - now.date()).days if upgrade else 0
    with localcontext(EXACT):
        difference = cents((_monthly(new, members) - _monthly(old, members)) * left / length)
    gained, lost = _differences(before, after, month, length)
    return Effect(
        plan=after,
        terms=new,
        upgrade=upgrade,
        begins=begins,
        charged_now=difference,
        charged_monthly=cents(_monthly(new, members)),
        now=_words(old, new, upgrade, difference, left, length, next_month(month)),
        gained=gained,
        lost=lost,
    )


def _monthly(terms: Terms, members: int) -> Decimal:
    return terms.monthly_price + terms.seat_price * max(0, members - terms.seats_included)


def _words(
    old: Terms, new: Terms, upgrade: bool, difference: Decimal, left: int, length: int, ends: date
) -> list[str]:
    if not upgrade:
        return [
            _(
                "Nothing changes until %(day)s: you keep what the %(plan)s plan includes, and "
                "this month's invoice stays as it is."
            )
            % {"day": day(ends), "plan": old.name},
            _("From then on the %(plan)s plan is charged and limits what is used.")
            % {"plan": new.name},
        ]
    said = [
        _("The new limits hold at once; answers that are running finish as they began."),
        _(
            "This month's invoice charges %(left)s of %(length)s days of the %(plan)s plan "
            "from today: %(money)s more than without the change. Nothing is charged today."
        )
        % {"left": left, "length": length, "plan": new.name, "money": money(difference)},
        _("What has been used this month stays counted, whichever plan it was used under."),
    ]
    if new.metered:
        said.append(
            _("Usage admitted from now on is passed through at cost plus %(markup)s%%.")
            % {"markup": written(f"{new.markup_percent.normalize():f}")}
        )
    return said


def _differences(
    before: PlanTerms, after: PlanTerms, month: date, length: int
) -> tuple[list[str], list[str]]:
    gained: list[str] = []
    lost: list[str] = []
    used = {meter.metric: meter.used for meter in meters_of(before, month)}
    for metric in Metric:
        old, new = before.included[metric], after.included[metric]
        if old == new:
            continue
        more = new is None or (old is not None and new > old)
        label = METRIC_LABEL[metric]
        told = {"label": label, "new": _amount(metric, new), "old": _amount(metric, old)}
        said = _("%(label)s: %(new)s instead of %(old)s")
        if new is not None and used[metric] > new:
            told["used"] = quantity(metric, used[metric])
            said = (
                _(
                    "%(label)s: %(new)s instead of %(old)s; %(used)s are in use now, so uploads are"
                    " refused until some is deleted"
                )
                if metric is Metric.STORAGE
                else _(
                    "%(label)s: %(new)s instead of %(old)s; %(used)s are in use now, so requests"
                    " would be refused in a month like this one"
                )
            )
        (gained if more else lost).append(said % told)
    for label, name in ((_("Requests a minute"), "requests"), (_("Answers at once"), "streams")):
        old_rate, new_rate = getattr(before.rates, name), getattr(after.rates, name)
        if old_rate != new_rate:
            said = _("%(label)s: %(new)s instead of %(old)s") % {
                "label": label,
                "new": grouped(new_rate),
                "old": grouped(old_rate),
            }
            (gained if new_rate > old_rate else lost).append(said)
    return gained, lost


def _amount(metric: Metric, value: Decimal | None) -> str:
    return _("no limit") if value is None else quantity(metric, value)


@transaction.atomic
def plan_change(*, actor: Actor, code: str, members: int) -> Effect:
    """Move the entered workspace up at once, or down on the first of the next month.

    Raises PlanNotOffered. What was to begin later is replaced; chosen again it is as it was. Safe
    beside running calls: each was admitted under a plan, which its reservation keeps.
    """
    turn_take(TURN)
    tenant, held = current(), plan_now()
    effect = plan_effect(code, members=members, held=held)
    if not effect.upgrade and plan_next() == (code, effect.begins):
        return effect
    with connection.cursor() as cursor:
        if effect.upgrade:
            cursor.execute(MOVE, [tenant.id, code])
            cursor.execute(NEXT, [tenant.id, "", None])
        else:
            cursor.execute(NEXT, [tenant.id, code, effect.begins])
    audit_write(
        actor,
        action="plan.upgrade" if effect.upgrade else "plan.downgrade",
        object_type="plan",
        object_id=code,
        before=held,
        begins=effect.begins.isoformat(),
        this_month_usd=str(effect.charged_now),
    )
    return effect


@transaction.atomic
def plan_change_cancel(*, actor: Actor) -> None:
    """Keep the plan that the workspace is on. Harmless where nothing was to begin."""
    turn_take(TURN)
    later = plan_next()
    if later is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(NEXT, [current().id, "", None])
    audit_write(actor, action="plan.kept", object_type="plan", object_id=current().plan,
                cancelled=later[0])  # fmt: skip


# Under the ops login

DUE: Final = """
    WITH due AS (
        SELECT tenant_id, next_plan FROM billing_billingaccount
         WHERE next_plan <> '' AND next_plan_on <= (now() AT TIME ZONE 'UTC')::date
           FOR UPDATE
    )
    UPDATE billing_billingaccount a SET next_plan = '', next_plan_on = NULL
      FROM due WHERE a.tenant_id = due.tenant_id
    RETURNING a.tenant_id, due.next_plan
"""
TRIALS: Final = """
    SELECT billing_move_plan(t.id, %(then)s), t.id
      FROM registry_tenant t LEFT JOIN billing_billingaccount a ON a.tenant_id = t.id
     WHERE t.plan = %(plan)s AND t.status = 'active'
       AND coalesce(a.trial_ends_on,
                    ((SELECT max(at) FROM billing_planchange c WHERE c.tenant_id = t.id)
                     AT TIME ZONE 'UTC')::date + %(days)s)
           <= (now() AT TIME ZONE 'UTC')::date
"""


def plans_roll() -> dict[str, int]:
    """Do what is due today: terms that begin, plans that were chosen for later, trials that end."""
    today = database_now().date()
    told = {"terms": _terms_begin(today), "moved": 0, "ended": 0}
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(DUE)
        for tenant, plan in cursor.fetchall():
            cursor.execute(MOVE, [tenant, plan])
            told["moved"] += 1
    book = Book()
    for plan in Plan.objects.values_list("code", flat=True):
        try:
            terms = book.on(plan, today)
        except (TermsMissing, Invalid):
            continue
        if terms.trial_days is None:
            continue
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute(
                TRIALS, {"plan": plan, "then": terms.trial_then, "days": terms.trial_days}
            )
            told["ended"] += len(cursor.fetchall())
    catalog.forget()
    log.info("plans.rolled", **told)
    return told


def _terms_begin(today: date) -> int:
    """Let the limits of terms that have begun since hold for admission too."""
    changed = 0
    for plan in Plan.objects.all():
        row = (
            PlanVersion.objects.filter(plan=plan, effective_from__lte=today)
            .order_by("-effective_from")
            .first()
        )
        if row is None or row.effective_from != today.replace(day=1):
            continue
        if PlanVersion.objects.filter(plan=plan, effective_from__lt=row.effective_from).exists():
            changed += _apply(plan, terms_read(plan.code, plan.name, row.terms))
    return changed


@transaction.atomic
def _apply(plan: Plan, terms: Terms) -> bool:
    kept = json.dumps([str(plan.monthly_price), str(plan.seat_price), str(plan.markup_percent)])
    plan.monthly_price, plan.seat_price = terms.monthly_price, terms.seat_price
    plan.markup_percent = terms.markup_percent
    plan.save(update_fields=["monthly_price", "seat_price", "markup_percent"])
    for metric, allowance in terms.limits.items():
        PlanLimit.objects.update_or_create(
            plan=plan,
            metric=metric.value,
            defaults={
                "included": allowance.included,
                "overage_price": allowance.overage_price,
                "overage_per": allowance.overage_per,
            },
        )
    return kept != json.dumps(
        [str(terms.monthly_price), str(terms.seat_price), str(terms.markup_percent)]
    )
