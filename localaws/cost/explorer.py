"""Cost Explorer: GetCostAndUsage over the bill's lines, and the cost allocation tags.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from localaws.cost.book import Book
from localaws.cost.drift import Injected
from localaws.cost.lines import Line, lines
from localaws.errors import AwsError, invalid
from localaws.wire import Json, Request

_GROUPS_AT_ONCE = 500
_MONTHS_BACK = 14
_COSTS = ("UnblendedCost", "BlendedCost", "AmortizedCost", "NetUnblendedCost", "NetAmortizedCost")
_DIMENSIONS: dict[str, Callable[[Line], str]] = {
    "BILLING_ENTITY": lambda line: line.entity,
    "LINKED_ACCOUNT": lambda line: line.account,
    "OPERATION": lambda line: line.operation,
    "RECORD_TYPE": lambda line: "Usage",
    "REGION": lambda line: line.region,
    "SERVICE": lambda line: line.product_name,
    "USAGE_TYPE": lambda line: line.usage_type,
}


class CostExplorer:
    """Answers for the caller's account, whatever the Region."""

    def __init__(self, book: Book, injected: Injected) -> None:
        self._book = book
        self._injected = injected

    # GetCostAndUsage ------------------------------------------------------------------------

    def cost_and_usage(self, request: Request, params: Json) -> Json:
        """GetCostAndUsage, daily or monthly."""
        account = request.caller.account
        start, end = self._period(params)
        metrics = params["Metrics"]
        if not metrics or set(metrics) - {*_COSTS, "UsageQuantity"}:
            raise invalid("Metrics are " + ", ".join((*_COSTS, "UsageQuantity")) + " here")
        groups = params.get("GroupBy", [])
        if len(groups) > 2:
            raise invalid("You can group by at most two keys")
        keys = [_grouping(group) for group in groups]
        wanted = _filter(params["Filter"]) if params.get("Filter") else lambda line: True
        if next(self._book.rows(account), None) is None:
            raise AwsError(
                "DataUnavailableException", "The data is not available yet. Try again in 24 hours."
            )
        found: dict[tuple[date, tuple[str, ...]], list[Line]] = defaultdict(list)
        for line in lines(self._book, self._injected, account, start, end):
            if wanted(line):
                bucket = line.day if params["Granularity"] == "DAILY" else line.day.replace(day=1)
                found[max(bucket, start), tuple(key(line) for key in keys)].append(line)
        periods = _periods(start, end, params["Granularity"])
        ordered = sorted(found)
        first = _position(params)
        several = ordered[first : first + _GROUPS_AT_ONCE] if groups else ordered
        answer: Json = {"GroupDefinitions": groups} if groups else {}
        answer["ResultsByTime"] = [
            self._result(begin, until, several, found, metrics, grouped=bool(groups))
            for begin, until in periods
        ]
        answer["DimensionValueAttributes"] = []
        if groups and first + _GROUPS_AT_ONCE < len(ordered):
            answer["NextPageToken"] = _token(params, first + _GROUPS_AT_ONCE)
        return answer

    def _result(
        self,
        begin: date,
        until: date,
        several: list[tuple[date, tuple[str, ...]]],
        found: dict[tuple[date, tuple[str, ...]], list[Line]],
        metrics: list[str],
        *,
        grouped: bool,
    ) -> Json:
        keys = [key for key in several if key[0] == begin]
        closed = self._book.fact("closed_until")
        result: Json = {
            "TimePeriod": {"Start": begin.isoformat(), "End": until.isoformat()},
            "Total": {},
            "Groups": [],
            "Estimated": until.isoformat() > closed,
        }
        if grouped:
            result["Groups"] = [
                {"Keys": list(key[1]), "Metrics": _sums(found[key], metrics)} for key in keys
            ]
        else:
            every = [line for key in keys for line in found[key]]
            result["Total"] = _sums(every, metrics)
        return result

    def _period(self, params: Json) -> tuple[date, date]:
        try:
            start, end = (date.fromisoformat(params["TimePeriod"][k]) for k in ("Start", "End"))
        except ValueError:
            raise invalid("Start and End are dates like 2026-11-01") from None
        if params["Granularity"] == "HOURLY":
            raise invalid("Hourly data is not enabled for this account")
        if start >= end:
            raise invalid("Start date must be before end date")
        today = self._book.now().date()
        if (today.year - start.year) * 12 + today.month - start.month > _MONTHS_BACK:
            raise invalid(f"Data is kept for {_MONTHS_BACK} months")
        if start > today + timedelta(days=1):
            raise AwsError("DataUnavailableException", "There is no data for the future.")
        return start, end

    # Cost allocation tags -------------------------------------------------------------------

    def list_tags(self, request: Request, params: Json) -> Json:
        """ListCostAllocationTags: the keys that AWS has seen in use."""
        rows = [
            row
            for row in self._book.tags(request.caller.account)
            if params.get("Status", row["Status"]) == row["Status"]
            and params.get("Type", row["Type"]) == row["Type"]
            and row["TagKey"] in params.get("TagKeys", [row["TagKey"]])
        ]
        first = _position(params)
        size = int(params.get("MaxResults", 100))
        answer: Json = {"CostAllocationTags": rows[first : first + size]}
        if first + size < len(rows):
            answer["NextToken"] = _token(params, first + size)
        return answer

    def update_tags(self, request: Request, params: Json) -> Json:
        """UpdateCostAllocationTagsStatus: counts from now on, never for what is past."""
        if len(params["CostAllocationTagsStatus"]) > 20:
            raise AwsError("LimitExceededException", "At most 20 tags can be changed at once.")
        errors = []
        for asked in params["CostAllocationTagsStatus"]:
            key, active = asked["TagKey"], asked["Status"] == "Active"
            if not self._book.activate(request.caller.account, key, active=active):
                errors.append(
                    {"TagKey": key, "Code": "TagKeysNotFoundException",
                     "Message": f"Tag keys not found: {key}"}
                )  # fmt: skip
        return {"Errors": errors}


def _sums(several: list[Line], metrics: list[str]) -> Json:
    units = {line.pricing_unit for line in several}
    sums: Json = {}
    for metric in metrics:
        if metric == "UsageQuantity":
            total = sum((line.amount for line in several), Decimal(0))
            unit = units.pop() if len(units) == 1 else "N/A"
        else:
            total, unit = sum((line.cost for line in several), Decimal(0)), "USD"
        sums[metric] = {"Amount": f"{total.normalize():f}", "Unit": unit}
    return sums


def _grouping(group: Json) -> Callable[[Line], str]:
    kind, key = group.get("Type"), group.get("Key", "")
    if kind == "TAG":
        return lambda line: f"{key}${dict(line.tags).get(key, '')}"
    if kind == "DIMENSION" and key in _DIMENSIONS:
        return _DIMENSIONS[key]
    raise invalid(f"Cannot group by {kind} {key}; dimensions are {', '.join(sorted(_DIMENSIONS))}")


def _filter(expression: Json) -> Callable[[Line], bool]:
    if len(expression) != 1:
        raise invalid("An expression has exactly one member")
    ((kind, inner),) = expression.items()
    if kind in ("And", "Or"):
        if len(inner) < 2:
            raise invalid(f"{kind} takes at least two expressions")
        several = [_filter(one) for one in inner]
        both = all if kind == "And" else any
        return lambda line: both(one(line) for one in several)
    if kind == "Not":
        one = _filter(inner)
        return lambda line: not one(line)
    key = inner.get("Key", "")
    if kind == "Tags":
        return _matching(inner, lambda line: dict(line.tags).get(key, ""))
    if kind == "Dimensions" and key in _DIMENSIONS:
        return _matching(inner, _DIMENSIONS[key])
    raise invalid(f"Cannot filter by {kind} {key}")


def _matching(inner: Json, value: Callable[[Line], str]) -> Callable[[Line], bool]:
    options, values = inner.get("MatchOptions", ["EQUALS"]), inner.get("Values", [])
    tests: dict[str, Callable[[Line], bool]] = {
        "EQUALS": lambda line: value(line) in values,
        "ABSENT": lambda line: not value(line),
        "STARTS_WITH": lambda line: value(line).startswith(tuple(values)),
        "ENDS_WITH": lambda line: value(line).endswith(tuple(values)),
        "CONTAINS": lambda line: any(part in value(line) for part in values),
    }
    ways = [option for option in options if option != "CASE_SENSITIVE"] or ["EQUALS"]
    if len(ways) != 1 or ways[0] not in tests:
        raise invalid(f"The match options {options} are not supported here")
    return tests[ways[0]]


def _periods(start: date, end: date, granularity: str) -> list[tuple[date, date]]:
    found, at = [], start
    while at < end:
        if granularity == "DAILY":
            until = at + timedelta(days=1)
        else:
            until = (at.replace(day=1) + timedelta(days=32)).replace(day=1)
        found.append((at, min(until, end)))
        at = until
    return found


def _mark(params: Json) -> str:
    rest = {k: v for k, v in params.items() if k not in ("NextPageToken", "NextToken")}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:16]


def _token(params: Json, position: int) -> str:
    return base64.b64encode(f"{position}:{_mark(params)}".encode()).decode()


def _position(params: Json) -> int:
    token = params.get("NextPageToken") or params.get("NextToken")
    if not token:
        return 0
    try:
        position, mark = base64.b64decode(token).decode().split(":")
        number = int(position)
    except ValueError:
        raise AwsError("InvalidNextTokenException", "The token is not valid.") from None
    if mark != _mark(params):
        raise AwsError("RequestChangedException", "The request has changed since the last page.")
    return number
