"""Policy documents, parsed once for each text, and the question whether they allow a request."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from localaws.iam.conditions import Unknown, holds
from localaws.iam.patterns import Context, action_like, any_of, like

log = logging.getLogger(__name__)

Effect = Literal["Allow", "Deny"]


class Malformed(ValueError):
    """A document that is no policy; the message says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """One permission that a request needs; `context` holds what is particular to the resource."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. An empty `resources` stands for a trust policy, which has none."""

    effect: Effect
    actions: tuple[str, ...]
    not_actions: bool
    resources: tuple[str, ...]
    not_resources: bool
    principals: tuple[tuple[str, str], ...]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]
    fixed: re.Pattern[str] | None = None  # all resources without variables, as one pattern
    variable: tuple[str, ...] = ()  # the resources with variables

    def speaks_of(self, action: str) -> bool:
        """Whether the statement is about an action."""
        return any(action_like(one, action) for one in self.actions) != self.not_actions

    def applies(self, resource: str, context: Context) -> bool:
        """Whether it applies to a resource, once it speaks of the action."""
        if self.resources:
            fits = (self.fixed is not None and self.fixed.fullmatch(resource) is not None) or any(
                like(one, resource, context, arn=True) for one in self.variable
            )
            if fits == self.not_resources:
                return False
        return self.conditions_hold(context)

    def conditions_hold(self, context: Context) -> bool:
        """Whether all conditions hold; what cannot be judged counts against the caller."""
        try:
            return all(holds(*condition, context) for condition in self.conditions)
        except Unknown as unknown:
            log.warning("policy not understood, so access is refused: %s", unknown)
            return self.effect == "Deny"


def _strings(value: Any, what: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str | bool | int | float) for one in values):
        raise Malformed(f"{what} must be text or a list of texts")
    return tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in values)


def _either(raw: dict[str, Any], name: str) -> tuple[tuple[str, ...], bool]:
    """(values, negated) of `Action` or `NotAction`, `Resource` or `NotResource`."""
    if name in raw and "Not" + name in raw:
        raise Malformed(f"a statement has either {name} or Not{name}")
    if "Not" + name in raw:
        return _strings(raw["Not" + name], "Not" + name), True
    return (_strings(raw[name], name) if name in raw else ()), False


def _principals(raw: Any) -> tuple[tuple[str, str], ...]:
    if raw is None:
        return ()
    if raw == "*":
        return (("AWS", "*"),)
    if not isinstance(raw, dict):
        raise Malformed("Principal must be * or an object")
    return tuple((kind, one) for kind, values in raw.items() for one in _strings(values, "it"))


def _statement(raw: Any) -> Statement:
    if not isinstance(raw, dict) or raw.get("Effect") not in ("Allow", "Deny"):
        raise Malformed("a statement's Effect must be Allow or Deny")
    actions, not_actions = _either(raw, "Action")
    if not actions:
        raise Malformed("a statement needs an Action")
    resources, not_resources = _either(raw, "Resource")
    if "NotPrincipal" in raw:
        raise Malformed("NotPrincipal is not supported here")
    conditions = []
    for operator, tests in raw.get("Condition", {}).items():
        for key, wanted in tests.items():
            conditions.append((operator, key.lower(), _strings(wanted, f"{operator}/{key}")))
    return Statement(
        raw["Effect"],
        actions,
        not_actions,
        resources,
        not_resources,
        _principals(raw.get("Principal")),
        tuple(conditions),
        any_of(tuple(one for one in resources if "${" not in one)),
        tuple(one for one in resources if "${" in one),
    )


@lru_cache(maxsize=1024)
def statements(text: str) -> tuple[Statement, ...]:
    """The statements of a document. Raises Malformed."""
    try:
        document = json.loads(text)
        raw = document["Statement"]
        return tuple(_statement(one) for one in (raw if isinstance(raw, list) else [raw]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, Malformed):
            raise
        raise Malformed(f"Syntax errors in policy: {error}") from None


@lru_cache(maxsize=8192)
def _speaking(texts: tuple[str, ...], action: str) -> tuple[Statement, ...]:
    return tuple(one for text in texts for one in statements(text) if one.speaks_of(action))


def effect_of(texts: Iterable[str], check: Check, context: Context) -> Effect | None:
    """Deny where a statement denies, Allow where one allows, None where none says anything."""
    found: Effect | None = None
    for one in _speaking(tuple(texts), check.action):
        if one.effect == "Allow" and found:
            continue
        if one.applies(check.resource, context):
            if one.effect == "Deny":
                return "Deny"
            found = "Allow"
    return found
