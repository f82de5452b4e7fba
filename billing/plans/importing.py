"""Prices and plans' terms from a file: read, compared with what stands, and taken whole or not.

A file is refused with every reason at once: an amount that is missing or negative, a row that
overlaps another, days without a price, and whatever would change the past.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from itertools import pairwise
from typing import Any, Final

from django.db import transaction

from billing import catalog
from billing.invoices.models import PlanVersion
from billing.meters import database_now
from billing.models import Plan, Price
from billing.money import all_digits
from billing.plans.terms import amount_of, terms_read
from billing.units import Unit
from tenants.errors import Conflict, Invalid

MOST_ROWS: Final = 5_000
MOST_BYTES: Final = 1_000_000
NEEDED: Final = ("model", "route", "unit", "usd", "per", "effective_from")
COLUMNS: Final = {*NEEDED, "effective_until", "source"}
PAIRS: Final = ((Unit.INPUT, Unit.OUTPUT), (Unit.BATCH_INPUT, Unit.BATCH_OUTPUT))
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One row of a file beside what holds without it. `same`: it stands already."""

    what: str
    begins: date
    before: str
    after: str
    same: bool


@dataclass(slots=True)
class Preview:
    """What a file would do; it can be taken when there are no faults."""

    kind: str
    differences: list[Difference] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    rows: list[Any] = field(default_factory=list)

    @property
    def new(self) -> int:
        return sum(not one.same for one in self.differences)


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    key: Key
    usd: Decimal
    per: int
    begins: date
    until: date | None
    source: str


def import_read(kind: str, text: str) -> Preview:
    """Return what the file (`prices` or `terms`) would do. Changes nothing, raises nothing."""
    preview = Preview(kind)
    if len(text.encode()) > MOST_BYTES:
        preview.faults.append(f"The file is larger than {MOST_BYTES:,} bytes.")
        return preview
    try:
        given = _parsed(kind, text)
    except (ValueError, csv.Error, RecursionError) as error:
        preview.faults.append(f"The file cannot be read: {error}.")
        return preview
    if not given:
        preview.faults.append("The file has no rows.")
    if len(given) > MOST_ROWS:
        preview.faults.append(f"The file has more than {MOST_ROWS:,} rows.")
        return preview
    (_prices if kind == "prices" else _terms)(preview, given)
    return preview


def _parsed(kind: str, text: str) -> list[dict[str, Any]]:
    text = text.removeprefix("\ufeff")
    if text.lstrip()[:1] in ("[", "{"):
        rows = json.loads(text)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValueError("it must be a list of objects")
        return rows
    if kind != "prices":
        raise ValueError("terms come as a JSON list")
    return [dict(row) for row in csv.DictReader(StringIO(text), strict=True)]


def _prices(preview: Preview, given: Sequence[dict[str, Any]]) -> None:
    standing: dict[Key, list[Price]] = {}
    for price in Price.objects.order_by("effective_from"):
        standing.setdefault((price.model, price.route, price.unit), []).append(price)
    today = database_now().date()
    rows = [row for line, one in enumerate(given, start=1) if (row := _price(preview, line, one))]
    by_key: dict[Key, list[_Row]] = {}
    for row in rows:
        by_key.setdefault(row.key, []).append(row)
    for key, own in by_key.items():
        _dated(preview, own, standing.get(key, []), today)
    _paired(preview, {*standing, *by_key}, by_key)
    preview.rows = rows


def _price(preview: Preview, line: int, given: dict[str, Any]) -> _Row | None:
    faults: list[str] = []
    extra = {str(name) for name in given} - COLUMNS
    if extra:
        faults.append(f"unknown columns {', '.join(sorted(extra))}")
    missing = [name for name in NEEDED if str(given.get(name) or "").strip() == ""]
    faults += [f"{name} is missing" for name in missing]
    model, route, unit = (str(given.get(name) or "").strip() for name in NEEDED[:3])
    if unit and unit not in set(Unit):
        faults.append(f"{unit} is no unit")
    if route and route not in Price.Route.values:
        faults.append(f"{route} is no route ({', '.join(Price.Route.values)})")
    base, by = catalog.model_and_route(model)
    if base != model:
        faults.append(f"write {base} by the route {by}, not {model}")
    if len(model) > 120:
        faults.append("the model's name is too long")
    usd, per, begins, until = Decimal(0), 1, date.min, None
    try:
        if "usd" not in missing:
            usd = amount_of(given["usd"], 9)
    except ValueError as error:
        faults.append(f"the price {error}")
    if "per" not in missing:
        text = str(given["per"]).strip()
        if text not in ("1", "1000", "1000000"):
            faults.append("per must be 1, 1000 or 1000000")
        else:
            per = int(text)
    try:
        if "effective_from" not in missing:
            begins = date.fromisoformat(str(given["effective_from"]).strip())
        if str(given.get("effective_until") or "").strip():
            until = date.fromisoformat(str(given["effective_until"]).strip())
            if until < begins:
                faults.append("it ends before it begins")
    except ValueError:
        faults.append("a date is not written as 2026-12-31")
    if faults:
        preview.faults.append(f"Row {line}: {'; '.join(faults)}.")
        return None
    source = str(given.get("source") or "").strip()[:200]
    return _Row(line, (model, route, unit), usd, per, begins, until, source)


def _dated(preview: Preview, own: list[_Row], standing: Sequence[Price], today: date) -> None:
    """Hold a unit's rows against each other and against those that stand."""
    own.sort(key=lambda row: row.begins)
    name = " ".join(own[0].key)
    kept = {price.effective_from: price for price in standing}
    for row in own:
        there = kept.get(row.begins)
        same = there is not None and (there.usd, there.per) == (row.usd, row.per)
        if there is not None and not same:
            preview.faults.append(
                f"Row {row.line}: {name} has another price from {row.begins} already; they overlap."
            )
        elif there is None and standing and row.begins <= today:
            preview.faults.append(
                f"Row {row.line}: {name} from {row.begins} would change the past; begin after"
                f" {today}."
            )
        before = [price for price in standing if price.effective_from < row.begins]
        preview.differences.append(
            Difference(
                name,
                row.begins,
                _said(before[-1].usd, before[-1].per) if before else "none",
                _said(row.usd, row.per),
                same,
            )
        )
    begins = sorted([*(row.begins for row in own), *kept])
    for first, second in pairwise(own):
        if first.begins == second.begins:
            preview.faults.append(
                f"Rows {first.line} and {second.line}: both are the price of {name} from"
                f" {first.begins}; they overlap."
            )
    for row in own:
        if row.until is None:
            continue
        follows = next((one for one in begins if one > row.begins), None)
        if follows is not None and follows <= row.until:
            preview.faults.append(
                f"Row {row.line}: {name} ends on {row.until}, and another begins on {follows};"
                " they overlap."
            )
        elif follows != row.until + timedelta(days=1):
            gap = f"until {follows}" if follows else "from then on"
            preview.faults.append(
                f"Row {row.line}: {name} ends on {row.until} and has no price {gap}: a gap."
            )


def _paired(preview: Preview, known: Iterable[Key], by_key: dict[Key, list[_Row]]) -> None:
    """Refuse a model that is priced on one side only: its calls could not be charged."""
    keys = set(known)
    for model, route, unit in sorted(by_key):
        for pair in PAIRS:
            if unit in pair:
                other = pair[1] if unit == pair[0] else pair[0]
                if (model, route, other.value) not in keys:
                    preview.faults.append(
                        f"{model} {route} has a price of {unit} and none of {other}: missing."
                    )


def _said(usd: Decimal, per: int) -> str:
    return f"{all_digits(usd)} for {per:,}"


def _terms(preview: Preview, given: Sequence[dict[str, Any]]) -> None:
    today = database_now().date()
    plans = {plan.code: plan for plan in Plan.objects.prefetch_related("versions")}
    seen: set[tuple[str, date]] = set()
    for line, one in enumerate(given, start=1):
        extra = set(one) - {"plan", "effective_from", "terms", "source"}
        code = str(one.get("plan", ""))
        try:
            begins = date.fromisoformat(str(one.get("effective_from", "")))
            if extra:
                raise ValueError(f"unknown members {', '.join(sorted(extra))}")
            if code not in plans:
                raise ValueError(f"{code or 'nothing'} is no plan")
            if begins.day != 1:
                raise ValueError("terms begin on the first of a month")
            if (code, begins) in seen:
                raise ValueError("the plan has two rows for this month; they overlap")
            versions = {row.effective_from: row for row in plans[code].versions.all()}
            there = versions.get(begins)
            same = there is not None and there.terms == one.get("terms")
            if there is not None and not same:
                raise ValueError("the plan has other terms for this month already; they overlap")
            if there is None and versions and begins <= today:
                raise ValueError(f"this would change the past; begin after {today}")
            terms_read(code, plans[code].name, one.get("terms"))
        except Invalid as error:
            preview.faults.append(f"Row {line}: {error.detail}")
            continue
        except ValueError as error:
            preview.faults.append(f"Row {line}: {error}.")
            continue
        seen.add((code, begins))
        before = [row for day, row in sorted(versions.items()) if day < begins]
        preview.differences.append(
            Difference(
                code,
                begins,
                _changed(before[-1].terms, one["terms"], old=True) if before else "none",
                _changed(before[-1].terms if before else {}, one["terms"], old=False),
                same,
            )
        )
        preview.rows.append((code, begins, one["terms"], str(one.get("source", ""))[:200]))


def _changed(before: dict[str, Any], after: dict[str, Any], *, old: bool) -> str:
    """Return the members in which two terms differ, as they were or as they will be."""
    one, other = _flat(before), _flat(after)
    shown = one if old else other
    names = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    return ", ".join(f"{name} {shown.get(name, 'none')}" for name in names) or "no difference"


def _flat(terms: dict[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in terms.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = "no limit" if value is None else str(value)
    return found


@transaction.atomic
def import_take(kind: str, text: str) -> int:
    """Take a file whole; return how many rows are new. Raises Conflict if it has faults by now."""
    preview = import_read(kind, text)
    if preview.faults:
        raise Conflict(" ".join(preview.faults[:5]))
    if kind == "prices":
        made = Price.objects.bulk_create(
            [
                Price(
                    model=row.key[0], route=row.key[1], unit=row.key[2], usd=row.usd, per=row.per,
                    effective_from=row.begins, source=row.source,
                )
                for row, one in zip(preview.rows, _in_order(preview), strict=True)
                if not one.same
            ]
        )  # fmt: skip
        catalog.forget()
        return len(made)
    rows = [
        PlanVersion(plan_id=code, effective_from=begins, terms=terms, source=source)
        for (code, begins, terms, source), one in zip(
            preview.rows, preview.differences, strict=True
        )
        if not one.same
    ]
    return len(PlanVersion.objects.bulk_create(rows))


def _in_order(preview: Preview) -> list[Difference]:
    """Return the differences in the order of the file's rows."""
    by_row = {(one.what, one.begins): one for one in preview.differences}
    return [by_row[" ".join(row.key), row.begins] for row in preview.rows]
