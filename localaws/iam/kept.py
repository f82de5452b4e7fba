"""IAM written through to disk: roles, policies, users and groups survive a restart or a crash.

One document for each account, replaced atomically before IAM answers. The resources are few and
small. Not kept: instance profiles, identity providers, certificates, MFA devices, passwords.
"""

from __future__ import annotations

import json
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

from moto.iam.models import AccessKey, Group, IAMBackend, ManagedPolicy, PolicyVersion, Role, User

from localaws.iam.principals import backend
from localaws.state import write_atomically

Json = dict[str, Any]


class KeptIam:
    """The accounts' IAM resources, mirrored under one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()

    def save(self, account: str) -> None:
        """Make the disk say what moto says about an account."""
        with self._lock:
            iam = backend(account)
            document = {
                "policies": [_policy(one) for one in iam.managed_policies.values()],
                "roles": [_role(one, iam) for one in iam.roles.values()],
                "users": [_user(one, iam) for one in iam.users.values()],
                "groups": [_group(one) for one in iam.groups.values()],
            }
            text = json.dumps(document, indent=1)
            write_atomically(self._root / f"{account}.json", text.encode())

    def load(self) -> None:
        """Bring back what the disk holds."""
        for path in sorted(self._root.glob("*.json")):
            document, iam = json.loads(path.read_text()), backend(path.stem)
            for row in document["policies"]:
                _load_policy(row, iam)
            for row in document["roles"]:
                _load_role(row, iam)
            for row in document["users"]:
                _load_user(row, iam)
            for row in document["groups"]:
                _load_group(row, iam)


def _policy(policy: ManagedPolicy) -> Json:
    return {
        "name": policy.name,
        "id": policy.id,
        "path": policy.path,
        "description": policy.description,
        "tags": policy.tags,
        "next": policy.next_version_num,
        "created": policy.create_date.isoformat(),
        "versions": [
            {"id": one.version_id, "document": one.document, "default": one.is_default}
            for one in policy.versions
        ],
    }


def _load_policy(row: Json, iam: IAMBackend) -> None:
    policy = ManagedPolicy(  # type: ignore[abstract]
        name=row["name"],
        account_id=iam.account_id,
        region=iam.region_name,
        description=row["description"],
        path=row["path"],
        tags=row["tags"],
        create_date=datetime.fromisoformat(row["created"]),
    )
    policy.id = row["id"]
    policy.versions = [
        PolicyVersion(policy.arn, one["document"], one["default"], one["id"])
        for one in row["versions"]
    ]
    policy.default_version_id = next(one["id"] for one in row["versions"] if one["default"])
    policy.next_version_num = row["next"]
    iam.managed_policies[policy.arn] = policy


def _held(holder: Role | User | Group) -> Json:
    return {
        "name": holder.name,
        "id": holder.id,
        "path": holder.path,
        "created": holder.create_date.isoformat(),
        "inline": dict(holder.policies),
        "attached": list(holder.managed_policies),
    }


def _load_held(row: Json, holder: Role | User | Group, iam: IAMBackend) -> None:
    holder.id = row["id"]
    holder.create_date = datetime.fromisoformat(row["created"])
    holder.policies.update(row["inline"])
    for arn in row["attached"]:
        policy = iam.managed_policies[arn]
        holder.managed_policies[arn] = policy
        policy.attachment_count += 1


def _role(role: Role, iam: IAMBackend) -> Json:
    return {
        **_held(role),
        "trust": role.assume_role_policy_document,
        "description": role.description,
        "tags": role.tags,
        "boundary": role.permissions_boundary_arn,
        "seconds": role.max_session_duration,
    }


def _load_role(row: Json, iam: IAMBackend) -> None:
    role = Role(  # type: ignore[abstract]
        iam.account_id,
        iam.partition,
        row["id"],
        row["name"],
        row["trust"],
        row["path"],
        row["boundary"],
        row["description"],
        row["tags"],
        row["seconds"],
    )
    _load_held(row, role, iam)
    iam.roles[role.id] = role


def _user(user: User, iam: IAMBackend) -> Json:
    return {
        **_held(user),
        "tags": iam.tagger.get_tag_dict_for_resource(user.arn),
        "keys": [
            {
                "id": key.access_key_id,
                "secret": key.secret_access_key,
                "status": key.status,
                "created": key.create_date.isoformat(),
            }
            for key in user.access_keys
        ],
    }


def _load_user(row: Json, iam: IAMBackend) -> None:
    user = User(iam.account_id, iam.region_name, row["name"], row["path"])  # type: ignore[abstract]
    _load_held(row, user, iam)
    for one in row["keys"]:
        key = AccessKey(user.name, "AKIA", iam.account_id, one["status"])  # type: ignore[abstract]
        key.access_key_id, key.secret_access_key = one["id"], one["secret"]
        key.create_date = datetime.fromisoformat(one["created"])
        user.access_keys.append(key)
        iam.access_keys[key.access_key_id] = key
    iam.tagger.tag_resource(user.arn, iam.tagger.convert_dict_to_tags_input(row["tags"]))
    iam.users[user.name] = user


def _group(group: Group) -> Json:
    return {**_held(group), "users": [user.name for user in group.users]}


def _load_group(row: Json, iam: IAMBackend) -> None:
    group = Group(iam.account_id, iam.region_name, row["name"], row["path"])
    _load_held(row, group, iam)
    group.users = [iam.users[name] for name in row["users"]]
    iam.groups[group.name] = group
