"""A bar a day or an hour, as coordinates for an inline SVG; the template only writes them down."""

from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from billing.money import all_digits, money
from billing.monthly import Part
from tenants.numbers import written

WIDTH: Final = 720
HEIGHT: Final = 200
LEFT: Final = 56  # for labels of the axis up to six characters
CHARACTER: Final = 8  # a label's width a character
BOTTOM: Final = 176
TOP: Final = 12


@dataclass(frozen=True, slots=True)
class Bar:
    """One day; coordinates are texts, so that no locale writes a comma into them."""

    x: str
    y: str
    width: str
    height: str
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    y: str
    label: str


@dataclass(frozen=True, slots=True)
class Tick:
    x: str
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    label: str
    bars: Sequence[Bar]
    lines: Sequence[Line]
    ticks: Sequence[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    bottom: int = BOTTOM


def chart_of_days(days: Sequence[Part], month: date, *, by: str) -> Chart:
    """Return the month's chart by `spend` or by `tokens`."""
    last = monthrange(month.year, month.month)[1]
    ticks = [(day - 1, str(day)) for day in (1, 5, 10, 15, 20, 25, last)]
    return _chart(days, last, ticks, by=by, step="day")


def chart_of_hours(parts: Sequence[Part], *, by: str) -> Chart:
    """Return the chart of the last hours by `spend` or by `tokens`."""
    ticks = [(index, part.label[-5:]) for index, part in enumerate(parts) if index % 6 == 0]
    return _chart(parts, len(parts), ticks, by=by, step="hour")


def _chart(
    days: Sequence[Part], slots: int, marks: Sequence[tuple[int, str]], *, by: str, step: str
) -> Chart:
    value: Callable[[Part], Decimal] = (
        (lambda day: Decimal(day.tokens)) if by == "tokens" else (lambda day: max(day.usd, ZERO))
    )
    show = tokens_text if by == "tokens" else money
    top = _round_up(max((value(day) for day in days), default=ZERO))
    scale = Decimal(BOTTOM - TOP) / top
    axis = tokens_text if by == "tokens" else all_digits
    lines = [
        Line(_text(BOTTOM - top * third / 3 * scale), axis(top * third / 3)) for third in (1, 2, 3)
    ]
    left = max(LEFT, CHARACTER * (1 + max(len(line.label) for line in lines)))
    slot = Decimal(WIDTH - left) / slots
    bars = []
    for index, day in enumerate(days):
        height = value(day) * scale
        if height <= 0:
            continue
        height = max(height, Decimal("1.5"))
        bars.append(
            Bar(
                x=_text(left + slot * index + slot / 6),
                y=_text(BOTTOM - height),
                width=_text(slot * 2 / 3),
                height=_text(height),
                title=f"{day.label}: {show(value(day))}",
            )
        )
    ticks = [Tick(_text(left + slot * index + slot / 2), label) for index, label in marks]
    return Chart(_describe(days, value, show, by, step), bars, lines, ticks, left=left)


ZERO: Final = Decimal(0)
ROUND: Final = tuple(map(Decimal, ("1", "1.5", "2", "2.5", "3", "4", "5", "6", "8", "10")))


def tokens_text(value: Decimal | int) -> str:
    """Return tokens in as few digits as a chart's axis has room for."""
    for size, letter in (
        (10**9, pgettext("10**9", "B")),
        (10**6, pgettext("10**6", "M")),
        (10**3, pgettext("10**3", "k")),
    ):
        if value >= size:
            short = (Decimal(value) / size).quantize(Decimal("0.1")).normalize()
            return f"{written(f'{short:f}')} {letter}"
    return written(f"{value:,.0f}")


def _round_up(value: Decimal) -> Decimal:
    """Return the next value whose third is a round number, at least a hundredth of a cent."""
    if value <= 0:
        return Decimal(3)
    exponent = Decimal(10) ** (value / 3).adjusted()
    for factor in ROUND:
        if exponent * factor * 3 >= value:
            return exponent * factor * 3
    return exponent * 30


def _text(value: Decimal) -> str:
    return f"{value:.2f}"


def _describe(
    days: Sequence[Part],
    value: Callable[[Part], Decimal],
    show: Callable[[Decimal], str],
    by: str,
    step: str,
) -> str:
    tokens = by == "tokens"
    most = max(days, key=value, default=None)
    if most is None or value(most) <= 0:
        nothing = {
            (True, "day"): _("Tokens by day: nothing used yet."),
            (True, "hour"): _("Tokens by hour: nothing used yet."),
            (False, "day"): _("Spend by day: nothing used yet."),
            (False, "hour"): _("Spend by hour: nothing used yet."),
        }
        return nothing[tokens, step]
    told = {
        (True, "day"): _(
            "Tokens by day, %(first)s to %(last)s: the most on %(most)s, %(value)s. The numbers are"
            " in the table below."
        ),
        (True, "hour"): _(
            "Tokens by hour, %(first)s to %(last)s: the most on %(most)s, %(value)s. The numbers"
            " are in the table below."
        ),
        (False, "day"): _(
            "Spend by day, %(first)s to %(last)s: the most on %(most)s, %(value)s. The numbers are"
            " in the table below."
        ),
        (False, "hour"): _(
            "Spend by hour, %(first)s to %(last)s: the most on %(most)s, %(value)s. The numbers"
            " are in the table below."
        ),
    }
    return told[tokens, step] % {
        "first": days[0].label,
        "last": days[-1].label,
        "most": most.label,
        "value": show(value(most)),
    }
