"""Policies as IAM and STS take them: what is malformed or too long is refused when it is written.

moto knows the grammar of identity policies; what it lets through stands here: trust policies of new
roles, principals, sizes. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from moto.iam.exceptions import MalformedPolicyDocument
from moto.iam.policy_validation import IAMPolicyDocumentValidator

from localaws.errors import AwsError
from localaws.iam.documents import Malformed, statements
from localaws.iam.principals import backend, role_of

TRUST_CHARACTERS: Final = 2_048
MANAGED_CHARACTERS: Final = 6_144
INLINE_CHARACTERS: Final = {"Role": 10_240, "User": 2_048, "Group": 5_120}

_TRUST_ACTIONS: Final = re.compile(
    r"sts:(AssumeRole|AssumeRoleWithSAML|AssumeRoleWithWebIdentity|TagSession|SetSourceIdentity"
    r"|SetContext|\*)",
    re.IGNORECASE,
)
_PRINCIPALS: Final = {
    "AWS": re.compile(
        r"\*|\d{12}|arn:aws:iam::\d{12}:(root|(user|role)/[\w+=,.@/-]+)"
        r"|arn:aws:sts::\d{12}:assumed-role/[\w+=,.@-]+/[\w+=,.@-]+"
    ),
    "Service": re.compile(r"[a-z0-9.-]+\.amazonaws\.com"),
    "Federated": re.compile(
        r"[\w.-]+|arn:aws:iam::\d{12}:(saml-provider|oidc-provider)/[\w+=,.@/-]+"
    ),
}


def check_written(form: Mapping[str, str], account: str) -> None:
    """Refuse an IAM request that writes a policy which AWS would refuse; others pass."""
    action = form.get("Action", "")
    if action == "CreateRole":
        _check_trust(form.get("AssumeRolePolicyDocument", ""))
    elif action == "UpdateAssumeRolePolicy":
        _check_trust(form.get("PolicyDocument", ""))
    elif action in ("CreatePolicy", "CreatePolicyVersion"):
        text = form.get("PolicyDocument", "")
        check_identity(text)
        if _length(text) > MANAGED_CHARACTERS:
            raise _too_long(f"Cannot exceed quota for PolicySize: {MANAGED_CHARACTERS}")
    elif found := re.fullmatch(r"Put(Role|User|Group)Policy", action):
        text = form.get("PolicyDocument", "")
        check_identity(text)
        _check_inline(found[1], form, text, account)


def check_identity(text: str) -> None:
    """Refuse what is no identity or session policy. Raises MalformedPolicyDocument."""
    try:
        IAMPolicyDocumentValidator(text).validate()
        found = statements(text)
    except MalformedPolicyDocument as error:
        raise _malformed(error.message) from None
    except Malformed:
        raise _malformed("Syntax errors in policy.") from None
    if any(one.principals for one in found):
        raise _malformed("Policy document should not specify a principal.")


def _check_trust(text: str) -> None:
    try:
        document = json.loads(text)
        raw = document["Statement"]
        rows: list[Any] = raw if isinstance(raw, list) else [raw]
        found = statements(text)
    except (ValueError, KeyError, TypeError):
        raise _malformed("This policy contains invalid Json") from None
    if not found or document.get("Version", "2012-10-17") not in ("2008-10-17", "2012-10-17"):
        raise _malformed("Syntax errors in policy.")
    for row, one in zip(rows, found, strict=True):
        if one.resources:
            raise _malformed("Has prohibited field Resource")
        if not one.principals:
            raise _malformed("Missing required field Principal")
        if "NotAction" in row or not all(map(_TRUST_ACTIONS.fullmatch, one.actions)):
            raise _malformed("AssumeRole policy may only specify STS AssumeRole actions.")
        for kind, name in one.principals:
            if not _is_principal(kind, name):
                raise _malformed(f'Invalid principal in policy: "{kind}":"{name}"')
    if _length(text) > TRUST_CHARACTERS:
        raise _too_long(f"Cannot exceed quota for ACLSizePerRole: {TRUST_CHARACTERS}")


def _is_principal(kind: str, name: str) -> bool:
    """Whether a trust policy may name it: well-formed, and there if it is a role or user here."""
    pattern = _PRINCIPALS.get(kind)
    if pattern is None or not pattern.fullmatch(name):
        return False
    if ":role/" in name:
        return role_of(name) is not None
    if ":user/" in name:
        return any(user.arn == name for user in backend(name.split(":")[4]).users.values())
    return True


def _check_inline(kind: str, form: Mapping[str, str], text: str, account: str) -> None:
    """All inline policies of a role, user or group together have a limit."""
    name, iam = form.get(f"{kind}Name", ""), backend(account)
    holders: dict[str, list[Any]] = {
        "Role": list(iam.roles.values()),
        "User": list(iam.users.values()),
        "Group": list(iam.groups.values()),
    }
    holder = next((one for one in holders[kind] if one.name == name), None)
    others = {} if holder is None else dict(holder.policies)
    others.pop(form.get("PolicyName", ""), None)
    most = INLINE_CHARACTERS[kind]
    if _length(text) + sum(map(_length, others.values())) > most:
        raise _too_long(f"Maximum policy size of {most} bytes exceeded for {kind.lower()} {name}")


def _length(text: str) -> int:
    """Characters as IAM counts them: without white space."""
    return len(re.sub(r"\s", "", text))


def _malformed(words: str) -> AwsError:
    return AwsError("MalformedPolicyDocument", words)


def _too_long(words: str) -> AwsError:
    return AwsError("LimitExceeded", words, status=409)
