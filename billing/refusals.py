"""What a refusal at a quota says: what is used up, when it comes back, and the way to more."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext

from billing.catalog import PlanTerms
from billing.limitmodels import EVERYONE
from billing.money import money
from billing.units import METRIC_INSIDE, METRIC_UNIT, Metric
from tenants.context import current
from tenants.errors import QuotaExhausted
from tenants.numbers import written
from tenants.wording import day_month

UPGRADE_URL: Final = "/usage/plans/"
LIMITS_URL: Final = "/usage/limits/"
CAP: Final = "cap"
MEMBER: Final = "member:"
"""What `billing_admit` names beside a plan's metrics: the owner's cap, a member's allowance."""

STANDING_AT: Final = """
    SELECT used, reserved,
           (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month')::date
      FROM (SELECT 1) AS one LEFT JOIN billing_quotacounter
        ON tenant_id = %s AND metric = %s
       AND period = date_trunc('month', now() AT TIME ZONE 'UTC')::date
"""
CAP_AT: Final = "SELECT cap_usd FROM billing_spendcontrol WHERE tenant_id = %s"
OWN_AT: Final = f"""
    SELECT coalesce(used, 0), coalesce(reserved, 0),
           (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month')::date,
           (SELECT CASE %(metric)s WHEN 'spend_usd' THEN spend_usd ELSE model_tokens END
              FROM billing_allowance WHERE tenant_id = %(tenant)s
               AND user_id IN (%(user)s, '{EVERYONE}') ORDER BY user_id = %(user)s DESC LIMIT 1)
      FROM (SELECT 1) AS one LEFT JOIN billing_membercounter
        ON tenant_id = %(tenant)s AND user_id = %(user)s AND metric = %(metric)s
       AND period = date_trunc('month', now() AT TIME ZONE 'UTC')::date
"""  # noqa: S608 - the only part that is put in is a constant


def exhausted(
    refused: Sequence[str],
    plan: PlanTerms,
    *,
    needed: Mapping[Metric, Decimal],
    user_id: UUID | None,
) -> QuotaExhausted:
    """Return the refusal for the first of `refused`, with what is used and reserved just now.

    Whoever is stopped by a cap or an allowance is led to who can raise it, not to a larger plan.
    """
    name = refused[0]
    if name.startswith(MEMBER) and user_id is not None:
        return _own_exhausted(Metric(name.removeprefix(MEMBER)), user_id, needed)
    metric = Metric.SPEND if name == CAP else Metric(name)
    with connection.cursor() as cursor:
        cursor.execute(STANDING_AT, [current().id, metric.value])
        used, reserved, resets = cursor.fetchone()
        if name == CAP:
            cursor.execute(CAP_AT, [current().id])
            included = (cursor.fetchone() or [None])[0] or Decimal(0)
        else:
            included = plan.included[metric] or Decimal(0)
    used, reserved = used or Decimal(0), reserved or Decimal(0)
    said = (
        _(
            "Your workspace has reached the spend cap that its owner set: %(used)s of %(included)s"
            " this month, %(reserved)s reserved by running requests, and this request may need"
            " %(needed)s. It starts afresh on %(day)s (UTC); the owner can raise the cap at once."
        )
        if name == CAP
        else _(
            "Your workspace has used what the %(plan)s plan includes of %(metric)s: %(used)s of"
            " %(included)s this month, %(reserved)s reserved by running requests, and this request"
            " may need %(needed)s. It starts afresh on %(day)s (UTC); a larger plan includes more."
        )
    )
    return QuotaExhausted(
        said
        % {
            "plan": plan.name,
            "metric": METRIC_INSIDE[metric],
            "used": quantity(metric, used),
            "included": quantity(metric, included),
            "reserved": quantity(metric, reserved),
            "needed": quantity(metric, needed[metric]),
            "day": day_month(resets),
        },
        upgrade_url=LIMITS_URL if name == CAP else UPGRADE_URL,
        limit="cap" if name == CAP else "plan",
        metric=metric.value,
        used=number(used),
        reserved=number(reserved),
        included=number(included),
        needed=number(needed[metric]),
        resets_on=resets.isoformat(),
    )


def _own_exhausted(
    metric: Metric, user_id: UUID, needed: Mapping[Metric, Decimal]
) -> QuotaExhausted:
    with connection.cursor() as cursor:
        cursor.execute(OWN_AT, {"tenant": current().id, "user": user_id, "metric": metric.value})
        used, reserved, resets, allowed = cursor.fetchone()
    allowed = allowed or Decimal(0)
    return QuotaExhausted(
        _(
            "You have used your own allowance of %(metric)s: %(used)s of %(included)s this month,"
            " %(reserved)s reserved by your running requests, and this request may need %(needed)s."
            " It starts afresh on %(day)s (UTC); an admin of your workspace can raise it at once."
        )
        % {
            "metric": METRIC_INSIDE[metric],
            "used": quantity(metric, used),
            "included": quantity(metric, allowed),
            "reserved": quantity(metric, reserved),
            "needed": quantity(metric, needed[metric]),
            "day": day_month(resets),
        },
        upgrade_url=LIMITS_URL,
        limit="allowance",
        metric=metric.value,
        used=number(used),
        reserved=number(reserved),
        included=number(allowed),
        needed=number(needed[metric]),
        resets_on=resets.isoformat(),
    )


def number(value: Decimal) -> int | float:
    """Return a quantity as JSON shows it: whole where it is whole."""
    return int(value) if value == value.to_integral_value() else float(value)


def whole(value: Decimal | int) -> str:
    """Return a whole number as people read it."""
    return written(f"{value:,.0f}")


def quantity(metric: Metric, value: Decimal) -> str:
    """Return an amount of a metric as people read it, with its unit."""
    if metric is Metric.SPEND:
        return money(value)
    if metric is Metric.STORAGE:
        return stored(value)
    return f"{whole(value)} {_(METRIC_UNIT[metric])}"


def amount(metric: Metric, value: Decimal) -> str:
    """Return an amount without its unit, exact, for a meter whose label says the unit."""
    return quantity(metric, value) if metric in (Metric.SPEND, Metric.STORAGE) else whole(value)


def compact(value: Decimal) -> str:
    """Return a round number in few digits (100 M), any other one in full."""
    for size, letter in ((10**9, pgettext("10**9", "B")), (10**6, pgettext("10**6", "M")),
                         (10**3, pgettext("10**3", "k"))):  # fmt: skip
        if value >= size and value % (size // 100) == 0:
            return f"{written(f'{(value / size).normalize():f}')} {letter}"
    return whole(value)


def stored(value: Decimal | int) -> str:
    """Return bytes in the unit that people use for them (1 KB = 1,024 bytes)."""
    size = float(value)
    for unit in (gettext_noop("bytes"), "KB", "MB", "GB"):
        if size < 1024:
            return (
                f"{written(f'{size:,.0f}')} {_(unit)}"
                if unit == "bytes"
                else f"{_short(size)} {unit}"
            )
        size /= 1024
    return f"{_short(size)} TB"


def _short(size: float) -> str:
    return written(f"{size:,.1f}".removesuffix(".0"))
