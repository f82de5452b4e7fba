"""How Excel shows a stored number: dates, times and percentages by the cell's number format.

https://learn.microsoft.com/dotnet/api/documentformat.openxml.spreadsheet.numberingformat lists the
formats that every program knows by number.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from lxml import etree

from documents.parsing.readers.ooxml import children

_DATES = frozenset({14, 15, 16, 17, 22, *range(27, 32), 34, 35, 36, *range(50, 59)})
_TIMES = frozenset({18, 19, 20, 21, 32, 33, 45, 46, 47})
_PERCENTS = frozenset({9, 10})
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.I)
_PLACES = re.compile(r"[#0?][#0?.,]*(?:E[-+]0+)?|General", re.I)
_AROUND = re.compile(r'"([^"]*)"|\\(.)|\[\$([^\]-]*)[^\]]*\]|([$€£¥ ])|_.|\*.|.', re.S)
_LAST_DAY = 2_958_466  # 31 December 9999
_DIGITS = 15  # what Excel computes with; further ones are noise of the binary form


class Formats:
    """The number formats of a workbook's cell styles."""

    def __init__(self, styles: etree._Element | None, *, since_1904: bool) -> None:
        # Excel counts 29 February 1900, which never was: from March on this start is right.
        self._start = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet's dates have no zone
        self._kinds: list[str] = []
        self._around: list[tuple[str, str]] = []
        own: dict[int, str] = {}
        around: dict[int, tuple[str, str]] = {}
        if styles is None:
            return
        for form in children(styles, "numFmts"):
            if (number := str(form.get("numFmtId", ""))).isdecimal():
                own[int(number)] = _kind_of_code(code := str(form.get("formatCode", "")))
                around[int(number)] = _around_number(code)
        for style in children(styles, "cellXfs"):
            number = str(style.get("numFmtId", "0"))
            key = int(number) if number.isdecimal() else 0
            self._kinds.append(own.get(key) or _kind_of_number(key))
            self._around.append(around.get(key, ("", "")))

    def shown(self, text: str, style: str) -> str:
        """Return a stored number as people read it: `2026-03-14`, `12.5%`, `1250 €`."""
        try:
            value = Decimal(text)
        except InvalidOperation:
            return text
        if not value.is_finite():
            return ""
        index = int(style) if style.isdecimal() else 0
        kind = self._kinds[index] if index < len(self._kinds) else "number"
        if kind == "percent":
            return f"{_plain(value * 100)}%"
        if kind != "number" and 0 <= value < _LAST_DAY:
            return self._moment(value, kind)
        before, behind = self._around[index] if index < len(self._around) else ("", "")
        return f"{before}{_plain(value)}{behind}"

    def _moment(self, value: Decimal, kind: str) -> str:
        moment = self._start + timedelta(seconds=round(value * 86_400))
        if kind == "time" and value < 1:
            return moment.strftime("%H:%M" if moment.second == 0 else "%H:%M:%S")
        if value == value.to_integral_value():
            return moment.strftime("%Y-%m-%d")
        return moment.strftime("%Y-%m-%d %H:%M")


def _plain(value: Decimal) -> str:
    """Return a number without an exponent, rounded to what Excel itself can tell apart."""
    if value == 0:
        return "0"
    places = _DIGITS - value.adjusted() - 1
    if abs(places) > 300:
        return str(value)
    rounded = round(value, places) if places >= 0 else value
    text = format(rounded, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _kind_of_number(number: int) -> str:
    if number in _DATES:
        return "date"
    if number in _TIMES:
        return "time"
    return "percent" if number in _PERCENTS else "number"


def _kind_of_code(code: str) -> str:
    """Tell what a format of the workbook's own shows, by the letters that are no literal text."""
    letters = _LITERAL.sub("", code.split(";", 1)[0]).lower()
    if re.search(r"[dy]", letters):
        return "date"
    if re.search(r"[hs]", letters):
        return "time"
    return "percent" if "%" in letters else "number"


def _around_number(code: str) -> tuple[str, str]:
    """Return what a format shows before and behind a number: a currency, a unit."""
    section = code.split(";", 1)[0]
    plain = _AROUND.sub(lambda found: " " * len(found[0]) if found.lastindex else found[0], section)
    places = _PLACES.search(plain)
    if places is None or places[0].endswith(","):  # one that divides by thousands
        return "", ""
    return _shown(section[: places.start()]), _shown(section[places.end() :])


def _shown(part: str) -> str:
    return "".join("".join(filter(None, found.groups())) for found in _AROUND.finditer(part))
