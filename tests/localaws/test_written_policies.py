"""Policies that are malformed or too long are refused with AWS's codes, and none is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import ACCOUNT, ANYTHING, Server, document, role
from .policies import ARN, allow, refused

TRUST = ACCOUNT[0]
BAD: dict[str, Any] = {
    "no JSON": "{not json",
    "no object": "[]",
    "no statement": json.dumps({"Version": "2012-10-17"}),
    "no statements": document([]),
    "an unknown member": json.dumps(
        {"Version": "2012-10-17", "Statement": [allow("s3:GetObject")], "Rules": []}
    ),
    "an old version": json.dumps({"Version": "2008-01-01", "Statement": [allow("s3:GetObject")]}),
    "another effect": document([{**allow("s3:GetObject"), "Effect": "Maybe"}]),
    "no action": document([{"Effect": "Allow", "Resource": "*"}]),
    "an action without its service": document([allow("GetObject")]),
    "no resource": document([{"Effect": "Allow", "Action": "s3:GetObject"}]),
    "both ways of resource": document([{**allow("s3:GetObject"), "NotResource": "*"}]),
    "an unknown operator": document(
        [allow("s3:GetObject", Condition={"StringAlike": {"aws:PrincipalTag/a": "b"}})]
    ),
    "a condition that is a list": document([allow("s3:GetObject", Condition=["x"])]),
    "a principal": document([{**allow("s3:GetObject"), "Principal": "*"}]),
}
BAD_TRUST: dict[str, Any] = {
    "no JSON": "{not json",
    "no statements": document([]),
    "a resource": document([{**TRUST, "Resource": "*"}]),
    "no principal": document([{"Effect": "Allow", "Action": "sts:AssumeRole"}]),
    "another service's action": document([{**TRUST, "Action": "s3:GetObject"}]),
    "a principal of no kind": document([{**TRUST, "Principal": {"Tenant": "acme"}}]),
    "a principal that is no ARN": document([{**TRUST, "Principal": {"AWS": "acme"}}]),
    "a role that is not there": document([{**TRUST, "Principal": {"AWS": ARN + "nobody"}}]),
    "a service elsewhere": document([{**TRUST, "Principal": {"Service": "bedrock.example"}}]),
}
MALFORMED = "MalformedPolicyDocument"


@pytest.mark.parametrize("text", BAD.values(), ids=list(BAD))
def test_a_malformed_policy_is_refused_wherever_it_is_written(server: Server, text: str) -> None:
    iam, sts = server.client("iam"), server.client("sts")
    arn = role(server, "writing", ANYTHING)
    put = {"RoleName": "writing", "PolicyName": "bad"}
    assert refused(iam.put_role_policy, **put, PolicyDocument=text)[0] == MALFORMED
    assert refused(iam.create_policy, PolicyName="bad", PolicyDocument=text)[0] == MALFORMED
    asked = {"RoleArn": arn, "RoleSessionName": "someone"}
    assert refused(sts.assume_role, **asked, Policy=text)[0] == MALFORMED
    assert iam.list_role_policies(RoleName="writing")["PolicyNames"] == ["all"]


@pytest.mark.parametrize("text", BAD_TRUST.values(), ids=list(BAD_TRUST))
def test_a_malformed_trust_policy_makes_no_role(server: Server, text: str) -> None:
    iam = server.client("iam")
    made = {"RoleName": "untrusted", "AssumeRolePolicyDocument": text}
    assert refused(iam.create_role, **made)[0] == MALFORMED
    assert refused(iam.get_role, RoleName="untrusted")[0] == "NoSuchEntity"
    role(server, "trusted", ANYTHING)
    changed = {"RoleName": "trusted", "PolicyDocument": text}
    assert refused(iam.update_assume_role_policy, **changed)[0] == MALFORMED


def test_policies_have_the_sizes_of_aws(server: Server) -> None:
    iam = server.client("iam")
    role(server, "sized", ANYTHING)
    long = document([allow("s3:GetObject", [f"arn:aws:s3:::{n:03}{'x' * 90}" for n in range(60)])])
    assert 6_144 < len(long) < 10_240
    assert refused(iam.create_policy, PolicyName="p", PolicyDocument=long)[0] == "LimitExceeded"
    iam.put_role_policy(RoleName="sized", PolicyName="one", PolicyDocument=long)
    iam.put_role_policy(RoleName="sized", PolicyName="one", PolicyDocument=long)  # in its place
    two = {"RoleName": "sized", "PolicyName": "two", "PolicyDocument": long}
    assert refused(iam.put_role_policy, **two)[0] == "LimitExceeded"
    conditions = {"StringEquals": {f"aws:RequestTag/{n:0100}": "x" for n in range(20)}}
    trust = document([{**TRUST, "Condition": conditions}])
    made = {"RoleName": "wordy", "AssumeRolePolicyDocument": trust}
    assert refused(iam.create_role, **made)[0] == "LimitExceeded"
