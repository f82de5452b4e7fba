"""The decision: an explicit Deny wins, then an Allow in every set of policies, else refused.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from localaws.iam.documents import Check, Malformed, effect_of
from localaws.iam.patterns import Context
from localaws.iam.principals import Principal
from localaws.identity import Caller

log = logging.getLogger(__name__)


def refusal(principal: Principal, check: Check, context: Context) -> str | None:
    """Why a principal may not do something, in AWS's words; None where it may."""
    context = {**context, **check.context}
    lacking = ""
    for texts, name in zip(principal.sets, principal.names, strict=True):
        try:
            effect = effect_of(texts, check, context)
        except Malformed as error:
            log.warning("policy of %s is malformed, so access is refused: %s", principal.arn, error)
            effect = None
        if effect == "Deny":
            kind = name if name == "permissions boundary" else f"{name} policy"
            return f"{_head(principal, check)} with an explicit deny in {_article(kind)}"
        if effect is None and not lacking:
            kind = name if name == "permissions boundary" else f"{name} policy"
            lacking = f" because no {kind} allows the {check.action} action"
    return _head(principal, check) + lacking if lacking else None


def first_refusal(
    principal: Principal, checks: Iterable[Check], context: Context
) -> tuple[Check, str] | None:
    """The first of several permissions that is lacking, with the words for it."""
    for check in checks:
        words = refusal(principal, check, context)
        if words is not None:
            return check, words
    return None


def _head(principal: Principal, check: Check) -> str:
    return (
        f"User: {principal.arn} is not authorized to perform: {check.action}"
        f" on resource: {check.resource}"
    )


def _article(kind: str) -> str:
    return ("an " if kind[0] in "aeiou" else "a ") + kind


def base_context(caller: Caller, username: str = "") -> dict[str, str | list[str]]:
    """What every request of a caller says of itself."""
    context: dict[str, str | list[str]] = {
        f"aws:principaltag/{key.lower()}": value for key, value in caller.session_tags.items()
    }
    context["aws:requestedregion"] = caller.region
    context["aws:principalarn"] = caller.role or caller.arn
    context["aws:principalaccount"] = caller.account
    context["aws:principaltype"] = "AssumedRole" if caller.role else "User"
    context["aws:securetransport"] = "false"
    if username:
        context["aws:username"] = username
    return context
