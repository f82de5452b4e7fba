"""Conditions of policies.

An operator or key that is not known here cannot be judged, so the statement counts against the
caller: an Allow does not apply, a Deny does.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from localaws.iam.patterns import Context, like, resolved

log = logging.getLogger(__name__)

Test = Callable[[str, str, Context], bool]


class Unknown(Exception):
    """A condition that cannot be judged."""


def _equals(wanted: str, value: str, context: Context) -> bool:
    return resolved(wanted, context) == value


def _equals_ignoring_case(wanted: str, value: str, context: Context) -> bool:
    text = resolved(wanted, context)
    return text is not None and text.casefold() == value.casefold()


def _arn(wanted: str, value: str, context: Context) -> bool:
    return value.count(":") >= 5 and like(wanted, value, context, arn=True)


def _bool(wanted: str, value: str, context: Context) -> bool:
    text = resolved(wanted, context)
    return text is not None and text.lower() == value.lower()


def _numeric(compare: Callable[[float, float], bool]) -> Test:
    def test(wanted: str, value: str, context: Context) -> bool:
        try:
            return compare(float(value), float(resolved(wanted, context) or ""))
        except ValueError:
            return False

    return test


# (test of one value, whether the operator is the negation of it)
OPERATORS: Mapping[str, tuple[Test, bool]] = {
    "stringequals": (_equals, False),
    "stringnotequals": (_equals, True),
    "stringequalsignorecase": (_equals_ignoring_case, False),
    "stringnotequalsignorecase": (_equals_ignoring_case, True),
    "stringlike": (like, False),
    "stringnotlike": (like, True),
    # AWS has both compare by pattern.
    "arnequals": (_arn, False),
    "arnnotequals": (_arn, True),
    "arnlike": (_arn, False),
    "arnnotlike": (_arn, True),
    "bool": (_bool, False),
    "numericequals": (_numeric(lambda a, b: a == b), False),
    "numericnotequals": (_numeric(lambda a, b: a == b), True),
    "numericlessthan": (_numeric(lambda a, b: a < b), False),
    "numericlessthanequals": (_numeric(lambda a, b: a <= b), False),
    "numericgreaterthan": (_numeric(lambda a, b: a > b), False),
    "numericgreaterthanequals": (_numeric(lambda a, b: a >= b), False),
}

_KEYS = re.compile(
    r"aws:(principaltag|resourcetag|requesttag)/.+"
    r"|aws:(tagkeys|requestedregion|principalarn|principalaccount|principaltype|username|userid"
    r"|securetransport|sourceaccount|sourcearn|sourceidentity)"
    r"|bedrock:(inferenceprofilearn|guardrailidentifier|promptrouterarn|servicetier"
    r"|bearertokentype|inlineagentname)"
    r"|s3:(prefix|delimiter|max-keys|versionid|x-amz-acl|x-amz-copy-source"
    r"|x-amz-server-side-encryption|existingobjecttag/.+|requestobjecttag/.+"
    r"|requestobjecttagkeys)"
    r"|iam:(passedtoservice|associatedresourcearn)"
    r"|sts:(externalid|rolesessionname|sourceidentity|transitivetagkeys)"
)


@lru_cache(maxsize=4096)
def _parsed(operator: str) -> tuple[str, Test, bool, bool]:
    """(quantifier, test, negated, if exists) of an operator's name."""
    quantifier, colon, name = operator.lower().rpartition(":")
    if colon and quantifier not in ("forallvalues", "foranyvalue"):
        raise Unknown(f"operator {operator}")
    if_exists = name.endswith("ifexists")
    found = OPERATORS.get(name.removesuffix("ifexists"))
    if found is None:
        raise Unknown(f"operator {operator}")
    return quantifier, *found, if_exists


@lru_cache(maxsize=4096)
def _known(key: str) -> bool:
    return _KEYS.fullmatch(key) is not None


def holds(operator: str, key: str, wanted: tuple[str, ...], context: Context) -> bool:
    """Whether one condition holds; `key` in lower case. Raises Unknown."""
    if not _known(key):
        raise Unknown(f"condition key {key}")
    value = context.get(key)
    if operator.lower() == "null":
        return (value is None) == (wanted[0].lower() == "true")
    quantifier, test, negated, if_exists = _parsed(operator)
    if value is None:
        return negated or if_exists or quantifier == "forallvalues"
    values = [value] if isinstance(value, str) else value

    def fits(one: str) -> bool:
        return any(test(pattern, one, context) for pattern in wanted) != negated

    if quantifier == "forallvalues":
        return all(map(fits, values))
    if quantifier == "foranyvalue":
        return any(map(fits, values))
    return len(values) == 1 and fits(values[0])
