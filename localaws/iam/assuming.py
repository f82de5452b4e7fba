"""AssumeRole: the role must exist, its trust policy must let the caller in, limits must hold.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from localaws.errors import AwsError
from localaws.iam import engine
from localaws.iam.documents import Check, Statement, statements
from localaws.iam.patterns import Context
from localaws.iam.principals import Principal, role_of
from localaws.iam.written import check_identity
from localaws.identity import Caller

POLICY_CHARACTERS: Final = 2048
POLICY_ARNS: Final = 10
TAGS: Final = 50
SHORTEST: Final = 900  # seconds
LONGEST: Final = 43_200
CHAINED_LONGEST: Final = 3_600
SESSION_NAME: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
# The service does not tell how it packs; this stands for it: the compressed size in bytes.
PACKED_BYTES: Final = 1_536


@dataclass(frozen=True, slots=True)
class Grant:
    """What an AssumeRole may give out."""

    role: str
    tags: dict[str, str]
    transitive: tuple[str, ...]
    policies: tuple[str, ...]
    policy_arns: tuple[str, ...]
    packed_percent: int = field(default=0)


def granted(form: Mapping[str, str], caller: Caller, principal: Principal | None) -> Grant:
    """What the caller gets for an AssumeRole form. Raises AwsError in AWS's own words."""
    arn = form.get("RoleArn", "")
    own = _members(form, "Tags")
    policy, arns = form.get("Policy", ""), tuple(_numbered(form, "PolicyArns.member", "arn"))
    _check_name(form.get("RoleSessionName", ""))
    _check_sizes(own, policy, arns)
    inherited = {k: v for k, v in caller.session_tags.items() if k in caller.transitive}
    role = role_of(arn)
    context = _context(form, caller, own, arn)
    wanted = ["sts:AssumeRole", *(["sts:TagSession"] if own or inherited else [])]
    for action in wanted:
        check = Check(action, arn, _asked_tags(form, {**inherited, **own}))
        trust = statements(str(role.assume_role_policy_document)) if role else ()
        if not _let_in(trust, check, context, caller, principal):
            raise AwsError(
                "AccessDenied",
                f"User: {caller.arn} is not authorized to perform: {action} on resource: {arn}",
                status=403,
            )
    _check_duration(form, caller, int(role.max_session_duration or 3600) if role else 0)
    clash = {k.lower() for k in inherited} & {k.lower() for k in own}
    if clash:
        raise AwsError(
            "InvalidParameterValue",
            "One of the specified transitive tag keys can't be set because it conflicts with a"
            " transitive tag key from the calling session.",
        )
    transitive = (*inherited, *_numbered(form, "TransitiveTagKeys.member", ""))
    return Grant(
        arn,
        {**inherited, **own},
        transitive,
        (policy,) if policy else (),
        arns,
        _packed(own, policy, arns),
    )


def _members(form: Mapping[str, str], name: str) -> dict[str, str]:
    """Key and value of a numbered list of tags."""
    found = {}
    for key, value in form.items():
        if key.startswith(f"{name}.member.") and key.endswith(".Key"):
            found[value] = form.get(key[:-3] + "Value", "")
    return found


def _numbered(form: Mapping[str, str], prefix: str, member: str) -> list[str]:
    end = f".{member}" if member else ""
    return [v for k, v in form.items() if k.startswith(prefix + ".") and k.endswith(end)]


def _check_name(name: str) -> None:
    if not SESSION_NAME.fullmatch(name):
        raise AwsError(
            "ValidationError",
            f"1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy"
            r" constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*, and must"
            " have a length of 2 to 64",
        )


def _check_sizes(tags: dict[str, str], policy: str, arns: tuple[str, ...]) -> None:
    if len(policy) + sum(map(len, arns)) > POLICY_CHARACTERS:
        raise AwsError(
            "ValidationError",
            "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member"
            f" must have length less than or equal to {POLICY_CHARACTERS}",
        )
    if len(arns) > POLICY_ARNS:
        raise AwsError("ValidationError", f"At most {POLICY_ARNS} policy ARNs can be given.")
    if len(tags) > TAGS or any(len(k) > 128 or len(v) > 256 for k, v in tags.items()):
        raise AwsError(
            "ValidationError",
            f"At most {TAGS} session tags can be given, with keys of at most 128 and values of at"
            " most 256 characters.",
        )
    if len({key.lower() for key in tags}) != len(tags):
        raise AwsError(
            "InvalidParameterValue",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        )
    if policy:
        check_identity(policy)
    percent = _packed(tags, policy, arns)
    if percent > 100:
        raise AwsError(
            "PackedPolicyTooLarge",
            f"Packed size of session policies and tags consumes {percent}% of allotted space.",
        )


def _packed(tags: dict[str, str], policy: str, arns: tuple[str, ...]) -> int:
    """Percent of the packed limit that a request takes; our estimate of a size AWS keeps secret."""
    if not (tags or policy or arns):
        return 0
    together = zlib.compress(json.dumps([tags, policy, arns]).encode())
    return -(-100 * len(together) // PACKED_BYTES)


def _check_duration(form: Mapping[str, str], caller: Caller, longest: int) -> None:
    asked = form.get("DurationSeconds", "3600")
    seconds = int(asked) if asked.isdecimal() else 0
    if not SHORTEST <= seconds <= LONGEST:
        raise AwsError(
            "ValidationError",
            f"1 validation error detected: Value '{asked}' at 'durationSeconds' failed to satisfy"
            f" constraint: Member must have value between {SHORTEST} and {LONGEST}",
        )
    if caller.role and seconds > CHAINED_LONGEST:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by"
            " role chaining",
        )
    if seconds > longest:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )


def _context(form: Mapping[str, str], caller: Caller, tags: dict[str, str], arn: str) -> Context:
    context = engine.base_context(caller)
    for name, key in (("ExternalId", "sts:externalid"), ("RoleSessionName", "sts:rolesessionname")):
        if form.get(name):
            context[key] = form[name]
    transitive = _numbered(form, "TransitiveTagKeys.member", "")
    if transitive:
        context["sts:transitivetagkeys"] = transitive
    return context


def _asked_tags(form: Mapping[str, str], tags: dict[str, str]) -> Context:
    context: dict[str, str | list[str]] = {
        f"aws:requesttag/{key.lower()}": value for key, value in tags.items()
    }
    if tags:
        context["aws:tagkeys"] = list(tags)
    return context


def _let_in(
    trust: tuple[Statement, ...],
    check: Check,
    context: Context,
    caller: Caller,
    principal: Principal | None,
) -> bool:
    """Whether trust policy and caller's own policies together let the caller take the role.

    A trust in the account (`…:root`) leaves it to the caller's own policies; a trust in the
    caller itself is enough within one account. A Deny on either side is final.
    """
    together = {**context, **check.context}
    direct = delegated = False
    for one in trust:
        named = _named(one, caller)
        if not named or not one.speaks_of(check.action) or not one.conditions_hold(together):
            continue
        if one.effect == "Deny":
            return False
        direct, delegated = direct or named == "itself", True
    if not delegated:
        return False
    if principal is None:
        return True
    words = engine.refusal(principal, check, context)
    if words is None:
        return True
    same_account = check.resource.split(":")[4] == caller.account
    return direct and same_account and "explicit deny" not in words


def _named(statement: Statement, caller: Caller) -> str:
    """How a trust statement names the caller: `itself`, its `account`, or not at all."""
    found = ""
    for kind, name in statement.principals:
        if kind != "AWS":
            continue
        if name in ("*", caller.arn, caller.role or caller.arn):
            return "itself"
        if name in (caller.account, f"arn:aws:iam::{caller.account}:root"):
            found = "account"
    return found


def service_trusted(role_arn: str, service: str, account: str) -> bool:
    """Whether a role's trust policy lets an AWS service take it for this account."""
    role = role_of(role_arn)
    if role is None:
        return False
    context: Context = {"aws:sourceaccount": account, "aws:principalaccount": account}
    verdict = False
    for one in statements(str(role.assume_role_policy_document)):
        if ("Service", service) not in one.principals or not one.speaks_of("sts:AssumeRole"):
            continue
        if one.conditions_hold(context):
            if one.effect == "Deny":
                return False
            verdict = True
    return verdict
