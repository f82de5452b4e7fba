"""What the pages and the API say of the limits inside a workspace, and how far they are used."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import F, Q
from django.utils.translation import gettext as _

from billing.limitmodels import EVERYONE, Allowance
from billing.meters import Meter, database_now, next_month
from billing.refusals import LIMITS_URL, number
from billing.units import Metric
from tenants.accounts.models import User, role_reaches
from tenants.context import Actor, current

SUMS: Final = """
    SELECT s.cap_usd, s.budget_usd, coalesce(c.used, 0), coalesce(c.reserved, 0),
           a.model_tokens, a.spend_usd,
           coalesce(t.used, 0), coalesce(t.reserved, 0),
           coalesce(m.used, 0), coalesce(m.reserved, 0)
      FROM (SELECT %(tenant)s::uuid AS tenant_id, %(user)s::uuid AS user_id,
                   %(month)s::date AS period) AS one
      LEFT JOIN billing_spendcontrol s USING (tenant_id)
      LEFT JOIN billing_quotacounter c
        ON c.tenant_id = one.tenant_id AND c.period = one.period AND c.metric = 'spend_usd'
      LEFT JOIN LATERAL (SELECT model_tokens, spend_usd FROM billing_allowance
                          WHERE tenant_id = one.tenant_id
                            AND user_id IN (one.user_id, %(everyone)s)
                          ORDER BY user_id = one.user_id DESC LIMIT 1) a ON true
      LEFT JOIN billing_membercounter t ON t.tenant_id = one.tenant_id
       AND t.user_id = one.user_id AND t.period = one.period AND t.metric = 'model_tokens'
      LEFT JOIN billing_membercounter m ON m.tenant_id = one.tenant_id
       AND m.user_id = one.user_id AND m.period = one.period AND m.metric = 'spend_usd'
"""
MEMBERS: Final = """
    SELECT coalesce(a.user_id, c.user_id), a.user_id IS NOT NULL AND a.group_id IS NULL,
           a.model_tokens, a.spend_usd,
           coalesce(c.tokens, 0), coalesce(c.spend, 0)
      FROM (SELECT * FROM billing_allowance WHERE tenant_id = %(tenant)s) a
      FULL JOIN (SELECT user_id, sum(used) FILTER (WHERE metric = 'model_tokens') AS tokens,
                        sum(used) FILTER (WHERE metric = 'spend_usd') AS spend
                   FROM billing_membercounter
                  WHERE tenant_id = %(tenant)s AND period = %(month)s GROUP BY 1) c
        ON c.user_id = a.user_id
"""


@dataclass(frozen=True, slots=True)
class SumMeter(Meter):
    """A meter of a sum that the workspace set itself; `name` is what people call it."""

    name: str = ""
    over: str = ""

    @property
    def label(self) -> str:
        return self.name

    @property
    def more_href(self) -> str:
        return LIMITS_URL

    @property
    def more_label(self) -> str:
        return _("See limits")

    @property
    def over_text(self) -> str:
        return self.over.format(resets=self.resets_text)


@dataclass(frozen=True, slots=True)
class Member:
    """What one member may use a month and has used; `own`: the limits are not everyone's."""

    user: User
    own: bool
    model_tokens: Decimal | None
    spend_usd: Decimal | None
    used_tokens: Decimal
    used_usd: Decimal

    @property
    def by_group(self) -> bool:
        """Return whether the limits are a group's."""
        return not self.own and (self.model_tokens is not None or self.spend_usd is not None)

    @property
    def own_tokens(self) -> Decimal | None:
        return self.model_tokens if self.own else None

    @property
    def own_usd(self) -> Decimal | None:
        return self.spend_usd if self.own else None


@dataclass(frozen=True, slots=True)
class OwnLimits:
    """The sums that bind the workspace and the asking member, with their meters."""

    month: date
    cap_usd: Decimal | None
    budget_usd: Decimal | None
    spend: Decimal
    reserved: Decimal
    allowed_tokens: Decimal | None
    allowed_usd: Decimal | None
    meters: list[SumMeter]


def own_limits(user_id: UUID | None) -> OwnLimits:
    """Return the cap, the budget and the user's allowance of this month: two statements."""
    month = database_now().date().replace(day=1)
    values = {"tenant": current().id, "user": user_id, "month": month, "everyone": EVERYONE}
    with connection.cursor() as cursor:
        cursor.execute(SUMS, values)
        cap, budget, spend, held, tokens, usd, t_used, t_held, m_used, m_held = cursor.fetchone()
    resets = next_month(month)
    found = [
        SumMeter(metric, used, reserved, limit, resets, name, over)
        for metric, used, reserved, limit, name, over in (
            (Metric.SPEND, spend, held, cap, _("Spend cap (stops usage)"),
             _("Requests are refused until the owner raises the cap, or until {resets}.")),
            (Metric.SPEND, spend, held, budget, _("Budget (stops nothing)"),
             _("Usage goes on: a budget only measures. It begins again on {resets}.")),
            (Metric.MODEL_TOKENS, t_used, t_held, tokens, _("Your allowance: model tokens"),
             _("Your requests are refused until an admin raises it, or until {resets}.")),
            (Metric.SPEND, m_used, m_held, usd, _("Your allowance: spend"),
             _("Your requests are refused until an admin raises it, or until {resets}.")),
        )
        if limit is not None
    ]  # fmt: skip
    return OwnLimits(month, cap, budget, spend, held, tokens, usd, found)


def allowances(month: date) -> tuple[Member, list[Member]]:
    """Return what all members may use, then each member's own limits and use."""
    with connection.cursor() as cursor:
        cursor.execute(MEMBERS, {"tenant": current().id, "month": month})
        rows = {row[0]: row[1:] for row in cursor.fetchall()}
    nothing = (False, None, None, Decimal(0), Decimal(0))
    everyone = Member(User(), *rows.get(EVERYONE, nothing))
    found = [Member(user, *rows.get(user.pk, nothing)) for user in User.objects.all()]
    return everyone, found


def allowance_own(subject: UUID | None) -> tuple[Decimal | None, Decimal | None]:
    """Return what a member, a group or, without an id, everyone was given themselves."""
    rows = Allowance.objects.filter(tenant_id=current().id, user_id=subject or EVERYONE)
    own = rows.filter(Q(group_id=None) | Q(group_id=F("user_id")))
    return own.values_list("model_tokens", "spend_usd").first() or (None, None)


def limits_told(actor: Actor) -> dict[str, Any]:
    """Return `GET usage/limits/`. Allowances of others are for admins."""
    own = own_limits(actor.user_id)
    told: dict[str, Any] = {
        "period": f"{own.month:%Y-%m}",
        "spend_usd": number(own.spend),
        "reserved_usd": number(own.reserved),
        "cap_usd": _number(own.cap_usd),
        "budget_usd": _number(own.budget_usd),
        "own": {
            "model_tokens": _number(own.allowed_tokens),
            "spend_usd": _number(own.allowed_usd),
        },
    }
    if role_reaches(actor.role, "admin"):
        everyone, members = allowances(own.month)
        told["everyone"] = _limits(everyone) if everyone.own else None
        told["members"] = [
            {
                "user_id": member.user.pk,
                "email": member.user.email,
                "own": _limits(member) if member.own else None,
                "used_model_tokens": number(member.used_tokens),
                "used_spend_usd": number(member.used_usd),
            }
            for member in members
        ]
    return told


def _limits(member: Member) -> dict[str, Any]:
    return {
        "model_tokens": _number(member.model_tokens),
        "spend_usd": _number(member.spend_usd),
    }


def _number(value: Decimal | None) -> int | float | None:
    return None if value is None else number(value)
