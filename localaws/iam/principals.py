"""Who calls, as IAM sees it: the policies of a role session or of a user made here.

An access key that nobody gave out is the account's administrator, as is a request without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from moto.iam.models import Group, IAMBackend, Role, User, iam_backends

from localaws.identity import Caller


@dataclass(frozen=True, slots=True)
class Principal:
    """A principal that policies limit. `sets` must each allow; texts are documents as put.

    `names` says what each set is called in the words of a refusal.
    """

    arn: str
    sets: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]
    username: str = ""


def backend(account: str) -> IAMBackend:
    """Moto's IAM of an account."""
    found: IAMBackend = iam_backends[account]["aws"]
    return found


def role_of(arn: str) -> Role | None:
    """The role of an ARN in any account."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or not parts[4] or not parts[5].startswith("role/"):
        return None
    return next((role for role in backend(parts[4]).roles.values() if role.arn == arn), None)


def user_of(account: str, access_key: str) -> User | None:
    """The user who owns an active access key."""
    for user in backend(account).users.values():
        for key in user.access_keys:
            if key.access_key_id == access_key and key.status == "Active":
                return user
    return None


def policy_text(account: str, arn: str) -> str | None:
    """The default version of a managed policy."""
    policy = backend(account).managed_policies.get(arn)
    return None if policy is None else _default(policy)


def _default(policy: Any) -> str:
    return next(str(version.document) for version in policy.versions if version.is_default)


def _identity(holder: Role | User | Group) -> tuple[str, ...]:
    attached = tuple(_default(policy) for policy in holder.managed_policies.values())
    return (*map(str, holder.policies.values()), *attached)


def of_role(role: Role, session: tuple[str, ...] = (), arn: str = "") -> Principal:
    """A role, or a session of it that its own policies narrow."""
    sets, names = [_identity(role)], ["identity-based"]
    if role.permissions_boundary_arn:
        text = policy_text(role.account_id, role.permissions_boundary_arn)
        sets.append((text,) if text else ())
        names.append("permissions boundary")
    if session:
        sets.append(session)
        names.append("session")
    return Principal(arn or role.arn, tuple(sets), tuple(names))


def principal_of(caller: Caller) -> Principal | None:
    """The principal whose policies decide, or None for the account's administrator.

    A session of a role that is gone has no policies left: it may do nothing.
    """
    if caller.role:
        role = role_of(caller.role)
        if role is None:
            return Principal(caller.arn, ((),), ("identity-based",))
        session = caller.session_policies
        for arn in caller.session_policy_arns:
            text = policy_text(caller.account, arn)
            session += (text,) if text else ()
        if caller.session_policy_arns and not session:
            session = ('{"Statement": []}',)
        return of_role(role, session, caller.arn)
    user = user_of(caller.account, caller.access_key) if caller.access_key else None
    if user is None:
        return None
    groups = [g for g in backend(caller.account).groups.values() if user in g.users]
    texts = _identity(user)
    for group in groups:
        texts += _identity(group)
    return Principal(str(user.arn), (texts,), ("identity-based",), user.name)
