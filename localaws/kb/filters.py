"""Metadata filters of Retrieve: which operators there are, what they accept, what they match.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_RetrievalFilter.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localaws.errors import invalid
from localaws.wire import Json

Condition = Callable[[Json], bool]
_MISSING = object()
# Vector stores differ in what they can filter by: S3 Vectors offers no substring operators.
_NOT_IN_S3_VECTORS = frozenset({"startsWith", "stringContains", "listContains"})
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "greaterThan": lambda have, want: have > want,
    "greaterThanOrEquals": lambda have, want: have >= want,
    "lessThan": lambda have, want: have < want,
    "lessThanOrEquals": lambda have, want: have <= want,
}


def condition(document: Json | None, storage: str) -> Condition:
    """A filter as a predicate over a document's metadata; ValidationException for a wrong one."""
    if document is None:
        return lambda metadata: True
    if not isinstance(document, dict) or len(document) != 1:
        raise invalid("The filter must have exactly one key in each object.")
    (operator, argument), *_ = document.items()
    if operator in ("andAll", "orAll"):
        if not isinstance(argument, list) or len(argument) < 2:
            raise invalid(f"{operator} must have at least 2 filters.")
        parts = [condition(part, storage) for part in argument]
        together = all if operator == "andAll" else any
        return lambda metadata: together(part(metadata) for part in parts)
    if not isinstance(argument, dict) or set(argument) != {"key", "value"}:
        raise invalid(f"{operator} must have a key and a value.")
    if operator in _NOT_IN_S3_VECTORS and storage == "S3_VECTORS":
        raise invalid(f"The vector store S3_VECTORS does not support the operator {operator}.")
    return _one(operator, argument["key"], argument["value"])


def _one(operator: str, key: str, want: Any) -> Condition:
    if operator in ("equals", "notEquals"):
        if not isinstance(want, str | bool | int | float):
            raise invalid(f"{operator} needs a string, a number or a boolean.")
        # Also a document that lacks the key is not equal.
        return lambda m: _same(m.get(key, _MISSING), want) is (operator == "equals")
    if operator in _ORDER:
        if isinstance(want, bool) or not isinstance(want, int | float):
            raise invalid(f"{operator} needs a number.")
        compare = _ORDER[operator]
        return lambda m: _number(m.get(key)) and compare(m[key], want)
    if operator in ("in", "notIn"):
        if not isinstance(want, list) or not want:
            raise invalid(f"{operator} needs a list that is not empty.")
        return lambda m: any(_same(m.get(key, _MISSING), one) for one in want) is (operator == "in")
    if not isinstance(want, str):
        raise invalid(f"{operator} needs a string.")
    if operator == "startsWith":
        return lambda m: isinstance(m.get(key), str) and m[key].startswith(want)
    if operator == "listContains":
        return lambda m: isinstance(m.get(key), list) and want in m[key]
    if operator == "stringContains":
        return lambda m: (
            want in m[key]
            if isinstance(m.get(key), str)
            else any(want in one for one in m.get(key) or () if isinstance(one, str))
            if isinstance(m.get(key), list)
            else False
        )
    raise invalid(f"There is no filter operator {operator}.")


def _same(have: Any, want: Any) -> bool:
    """Equal and of one kind: true is no 1."""
    return isinstance(have, bool) == isinstance(want, bool) and bool(have == want)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
