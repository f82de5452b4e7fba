"""Patterns of policies: wildcards, ARNs, and variables such as `${aws:PrincipalTag/TenantId}`.

What a variable stands for is compared literally: a tag whose value is `*` matches only `*`.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

Context = Mapping[str, str | list[str]]
"""Condition keys in lower case, and their values; a list for keys that hold several."""

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_SPECIAL = {"*": "*", "?": "?", "$": "$"}


@lru_cache(maxsize=4096)
def _pieces(pattern: str) -> tuple[str, ...]:
    """Literal text and variable names by turns, the first being text."""
    return tuple(_VARIABLE.split(pattern))


def _value(name: str, context: Context) -> str | None:
    if name in _SPECIAL:
        return _SPECIAL[name]
    key, comma, default = name.partition(",")
    found = context.get(key.strip().lower())
    if isinstance(found, str):
        return found
    return default.strip().strip("'") if comma else None


def _values(pattern: str, context: Context) -> tuple[str, ...] | None:
    """What the pattern's variables stand for, or None where one stands for nothing."""
    found = []
    for name in _pieces(pattern)[1::2]:
        value = _value(name, context)
        if value is None:
            return None
        found.append(value)
    return tuple(found)


def _glob(text: str) -> str:
    return re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")


@lru_cache(maxsize=16384)
def _compiled(pattern: str, values: tuple[str, ...], arn: bool, fold: bool) -> re.Pattern[str]:
    flags = re.DOTALL | (re.IGNORECASE if fold else 0)
    return re.compile(_source(pattern, values, arn), flags)


def _source(pattern: str, values: tuple[str, ...], arn: bool) -> str:
    parts = []
    for number, piece in enumerate(_pieces(pattern)):
        parts.append(re.escape(values[number // 2]) if number % 2 else _glob(piece))
    whole = "".join(parts)
    if arn and pattern != "*":
        # A wildcard stays within its part of an ARN; the sixth part may hold colons itself.
        split = whole.split(":", 5)
        whole = ":".join([*(p.replace(".*", "[^:]*") for p in split[:5]), *split[5:]])
    return whole


def like(pattern: str, value: str, context: Context, *, arn: bool = False) -> bool:
    """Whether a value fits a pattern of `*`, `?` and variables; by the parts of an ARN if `arn`."""
    values = _values(pattern, context)
    if values is None:
        return False
    return _compiled(pattern, values, arn, False).fullmatch(value) is not None


def any_of(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    """One pattern for several ARNs without variables; None for none."""
    if not patterns:
        return None
    return re.compile("|".join(f"(?:{_source(one, (), True)})" for one in patterns), re.DOTALL)


def action_like(pattern: str, action: str) -> bool:
    """Whether an action fits a pattern, in any case."""
    return _compiled(pattern, (), False, True).fullmatch(action) is not None


def resolved(pattern: str, context: Context) -> str | None:
    """The text with its variables replaced, wildcards untouched; None where one is missing."""
    values = _values(pattern, context)
    if values is None:
        return None
    pieces = _pieces(pattern)
    return "".join(
        values[number // 2] if number % 2 else piece for number, piece in enumerate(pieces)
    )
