"""How AWS's credits burn down: day by day, what expires first pays first.

AWS says what it applied only in its monthly bill, as `Credit` lines; until then this is what the
grants' terms say. Costs are those of AWS's bill that the product reads: models, guardrails, batch,
Knowledge Bases. Read under `staff` or `ops`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Final

from django.db import connection

from billing.meters import database_now
from billing.models import AwsCostLine, CreditGrant

RECENT_DAYS: Final = 28
LOOK_AHEAD: Final = 5 * 366
MARKETPLACE: Final = "AWS Marketplace"
DAYS: Final = """
    WITH billed AS (SELECT DISTINCT day FROM billing_awscostline
                     WHERE source = 'cur' AND kind = ANY(%(usage)s))
    SELECT day, coalesce(sum(usd) FILTER (WHERE entity <> %(market)s), 0),
           coalesce(sum(usd) FILTER (WHERE entity = %(market)s), 0)
      FROM billing_awscostline
     WHERE kind = ANY(%(usage)s) AND (source = 'cur' OR day NOT IN (SELECT day FROM billed))
     GROUP BY day ORDER BY day
"""
APPLIED: Final = """
    SELECT coalesce(sum(-usd), 0) FROM billing_awscostline WHERE kind = 'Credit' AND source = 'cur'
"""


@dataclass(frozen=True, slots=True)
class Day:
    """What AWS billed of a day, by who sells it."""

    day: date
    aws: Decimal
    marketplace: Decimal

    @property
    def usd(self) -> Decimal:
        return self.aws + self.marketplace


@dataclass(slots=True)
class Burn:
    """A grant on its way. `lapsed` is what it had left when it expired."""

    grant: CreditGrant
    used: Decimal = Decimal(0)
    lapsed: Decimal = Decimal(0)
    by_day: dict[date, Decimal] = field(default_factory=dict)

    @property
    def remaining(self) -> Decimal:
        return self.grant.amount_usd - self.used - self.lapsed

    @property
    def percent(self) -> int:
        whole = self.grant.amount_usd
        return int(self.used * 100 / whole) if whole else 100


@dataclass(frozen=True, slots=True)
class BurnDown:
    """All grants as of `today`. `ends_on`: when nothing is left any more, at today's rate."""

    today: date
    burns: Sequence[Burn]
    gross: Decimal
    daily: Decimal
    ends_on: date | None
    will_lapse: Decimal
    applied_by_aws: Decimal
    days: Sequence[Day]

    @property
    def credited(self) -> Decimal:
        return sum((burn.used for burn in self.burns), Decimal(0))

    @property
    def net(self) -> Decimal:
        return self.gross - self.credited

    @property
    def remaining(self) -> Decimal:
        return sum((burn.remaining for burn in self.burns), Decimal(0))

    @property
    def runway_days(self) -> int | None:
        return None if self.ends_on is None else max(0, (self.ends_on - self.today).days)


def burn_down(today: date | None = None) -> BurnDown:
    """Return how the grants stand, by AWS's bill as far as it has been read."""
    today = today or database_now().astimezone(UTC).date()
    with connection.cursor() as cursor:
        cursor.execute(DAYS, {"usage": list(AwsCostLine.USAGE), "market": MARKETPLACE})
        days = [Day(*row) for row in cursor.fetchall()]
        cursor.execute(APPLIED)
        applied = Decimal(cursor.fetchone()[0])
    burns = burned(CreditGrant.objects.all(), days, today)
    recent = [day for day in days if today - timedelta(days=RECENT_DAYS) <= day.day < today]
    # A deployment that is younger than that is measured by the days it has.
    length = min(RECENT_DAYS, (today - recent[0].day).days) if recent else 0
    rate = Day(
        today,
        sum((day.aws for day in recent), Decimal(0)) / max(1, length),
        sum((day.marketplace for day in recent), Decimal(0)) / max(1, length),
    )
    ends_on, will_lapse = _ahead(burns, rate, today)
    return BurnDown(
        today=today,
        burns=burns,
        gross=sum((day.usd for day in days), Decimal(0)),
        daily=rate.usd,
        ends_on=ends_on,
        will_lapse=will_lapse,
        applied_by_aws=applied,
        days=days,
    )


def burned(grants: Iterable[CreditGrant], days: Iterable[Day], today: date) -> list[Burn]:
    """Let the grants pay for the days, what expires first before what lasts longer."""
    burns = [Burn(grant) for grant in grants]
    burns.sort(key=lambda burn: (burn.grant.expires_on, burn.grant.starts_on, burn.grant.name))
    for day in days:
        _pay(burns, day)
    for burn in burns:
        if burn.grant.expires_on < today:
            burn.lapsed = burn.remaining
    return burns


def _pay(burns: Sequence[Burn], day: Day) -> Decimal:
    """Let a day be paid; return what was."""
    left: dict[str, Decimal] = {"aws": day.aws, "marketplace": day.marketplace}
    for burn in burns:
        grant = burn.grant
        if not grant.starts_on <= day.day <= grant.expires_on or burn.remaining <= 0:
            continue
        for kind, covered in _covers(grant).items():
            paid = min(left[kind], burn.remaining) if covered else Decimal(0)
            if paid > 0:
                left[kind] -= paid
                burn.used += paid
                burn.by_day[day.day] = burn.by_day.get(day.day, Decimal(0)) + paid
    return day.usd - sum(left.values())


def _covers(grant: CreditGrant) -> Mapping[str, bool]:
    return {"aws": grant.covers_aws, "marketplace": grant.covers_marketplace}


def _ahead(burns: Sequence[Burn], rate: Day, today: date) -> tuple[date | None, Decimal]:
    """Return the day on which nothing is left at this rate, and what will have lapsed by then."""
    alive = [
        Burn(burn.grant, used=burn.used)
        for burn in burns
        if burn.remaining > 0 and burn.grant.expires_on >= today
    ]
    if not alive:
        return None, Decimal(0)
    day, lapsed = today, Decimal(0)
    for number in range(LOOK_AHEAD):
        day = today + timedelta(days=number)
        _pay(alive, Day(day, rate.aws, rate.marketplace))
        for burn in alive:
            if burn.remaining > 0 and burn.grant.expires_on <= day:
                burn.lapsed = burn.remaining
                lapsed += burn.lapsed
        if all(burn.remaining <= 0 for burn in alive):
            break
    return day, lapsed
