"""A month as the stretches that a workspace spent on its plans."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from billing.invoices.pricing import Segment
from billing.meters import next_month
from billing.plans.terms import Book

Change = tuple[datetime, str]


def month_bounds(month: date) -> tuple[datetime, datetime]:
    """Return a month's first instant and the one behind its last; months are UTC, without DST."""
    return (
        datetime.combine(month, time(), UTC),
        datetime.combine(next_month(month), time(), UTC),
    )


def segments_of(
    month: date,
    changes: Sequence[Change],
    book: Book,
    seats: Mapping[date, int] | None = None,
    ends_at: datetime | None = None,
) -> list[Segment]:
    """Return the month's segments, from `changes` in the order of time.

    A day belongs to the plan that the workspace was on when it ended. A workspace that came within
    the month is charged from its first day. Raises TermsMissing.
    """
    first, last = month_bounds(month)
    end = min(last, ends_at) if ends_at else last
    before = [change for change in changes if change[0] <= first]
    within = [change for change in changes if first < change[0] < end]
    plans = [(first, before[-1][1]), *within] if before else within
    found = []
    for number, (starts_at, plan) in enumerate(plans):
        until = plans[number + 1][0] if number + 1 < len(plans) else end
        days = _days(starts_at, until, last=number + 1 == len(plans))
        found.append(
            Segment(
                terms=book.on(plan, month),
                starts_at=starts_at,
                ends_at=until,
                days=days,
                seats={day: _seats_on(day, seats or {}) for day in days},
            )
        )
    return found


def _days(starts_at: datetime, until: datetime, *, last: bool) -> list[date]:
    """Return the days from the start to the day before the next change, or to the end."""
    first = starts_at.astimezone(UTC).date()
    stop = until.astimezone(UTC)
    behind = stop.date()
    if last and stop.time() != time():
        behind += timedelta(days=1)
    return [first + timedelta(days=number) for number in range((behind - first).days)]


def _seats_on(day: date, counted: Mapping[date, int]) -> int:
    """Return a day's members: as counted then, or else at the nearest count before, or after."""
    earlier = [one for one in counted if one <= day]
    if earlier:
        return counted[max(earlier)]
    return counted[min(counted)] if counted else 0
