"""The deployment's IAM roles, as documents in `data/iam/`: compared with AWS, made and mended.

Needs the right to read and write IAM, which a running product should not have: an operator runs
`manage.py provision_aws` with it once, and after each release that changes a document.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, get_args

from django.conf import settings

from bedrock.deployment import account_id, resource_prefix
from tenants.aws import BotoCoreError, ClientError, deployment_client, role_arn, translated
from tenants.vending import SESSION_SECONDS, Role

FOLDER: Final = Path(__file__).parent / "data" / "iam"
ROLES: Final[tuple[Role, ...]] = get_args(Role)
POLICY: Final = "tenantry"  # the name of each role's one inline policy
IAM_REGION: Final = "us-east-1"  # IAM is the whole account's; this is where it answers
POLICY_CHARACTERS: Final = 10_240  # IAM's limit for a role's inline policies, white space apart


@dataclass(frozen=True, slots=True)
class RoleDocument:
    """One role as it should be."""

    arn: str
    description: str
    trust: dict[str, Any]
    policy: dict[str, Any]

    @property
    def name(self) -> str:
        return self.arn.rsplit("/", 1)[1]

    @property
    def path(self) -> str:
        return f"/{self.arn.split(':role/', 1)[1].removesuffix(self.name)}"


@cache
def document(role: Role) -> RoleDocument:
    """Return a role's documents with this deployment's names filled in."""
    values = {
        "account": account_id(),
        "bucket": settings.AWS_BUCKET_PREFIX,
        "deployment": resource_prefix(),
        "principal": settings.AWS_APP_PRINCIPAL or f"arn:aws:iam::{account_id()}:root",
        "batch_role": role_arn("batch"),
        "knowledge_role": role_arn("knowledge"),
    }
    text = (FOLDER / f"{role}.json").read_text()
    for name, value in values.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    raw = json.loads(text)
    return RoleDocument(
        role_arn(role), raw["description"], _whole(raw["trust"]), _whole(raw["policy"])
    )


def roles_ensure(*, mend: bool = True) -> list[str]:
    """Compare the roles with AWS and return what differs, in words; make it right if `mend`.

    Raises AwsError, also where the process may not read or write IAM.
    """
    iam = deployment_client("iam", IAM_REGION)
    try:
        return [line for role in ROLES for line in _ensured(iam, document(role), mend)]
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error


def roles_shown() -> str:
    """Return every role's documents as JSON, for whoever makes roles by other means."""
    shown = {
        found.name: {"path": found.path, "trust": found.trust, "policy": found.policy}
        for found in map(document, ROLES)
    }
    return json.dumps(shown, indent=2)


def _whole(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def _ensured(iam: Any, wanted: RoleDocument, mend: bool) -> list[str]:
    name, trust = wanted.name, json.dumps(wanted.trust)
    try:
        found = iam.get_role(RoleName=name)["Role"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        if mend:
            iam.create_role(
                RoleName=name,
                Path=wanted.path,
                Description=wanted.description,
                AssumeRolePolicyDocument=trust,
                MaxSessionDuration=SESSION_SECONDS,
            )
            _put(iam, wanted)
        return [f"role {name} made" if mend else f"role {name} is missing"]
    lines = []
    if found["AssumeRolePolicyDocument"] != wanted.trust:
        lines.append(f"role {name}: trust policy differs")
        if mend:
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
    return lines + _policies_ensured(iam, wanted, mend)


def _policies_ensured(iam: Any, wanted: RoleDocument, mend: bool) -> list[str]:
    """Leave the role exactly one policy, ours: whatever else is there would widen it."""
    name, lines = wanted.name, []
    inline = [
        policy
        for page in iam.get_paginator("list_role_policies").paginate(RoleName=name)
        for policy in page["PolicyNames"]
    ]
    found = None
    if POLICY in inline:
        found = iam.get_role_policy(RoleName=name, PolicyName=POLICY)["PolicyDocument"]
    if found != wanted.policy:
        lines.append(f"role {name}: policy {'differs' if found else 'is missing'}")
        if mend:
            _put(iam, wanted)
    for other in inline:
        if other != POLICY:
            lines.append(f"role {name}: policy {other} does not belong there")
            if mend:
                iam.delete_role_policy(RoleName=name, PolicyName=other)
    for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=name):
        for attached in page["AttachedPolicies"]:
            lines.append(f"role {name}: {attached['PolicyArn']} does not belong there")
            if mend:
                iam.detach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])
    return lines


def _put(iam: Any, wanted: RoleDocument) -> None:
    iam.put_role_policy(
        RoleName=wanted.name, PolicyName=POLICY, PolicyDocument=json.dumps(wanted.policy)
    )
