"""Roles are taken as their trust policies and STS's limits say, and survive a crash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .conftest import ACCOUNT, ANYTHING, NOVA, Server, document, role, session, user
from .policies import ARN, allow, refused


def test_a_role_is_taken_only_as_its_trust_policy_says(server: Server) -> None:
    sts = server.client("sts")
    asked = {"RoleArn": ARN + "trusting", "RoleSessionName": "someone"}
    assert refused(sts.assume_role, **asked)[0] == "AccessDenied"  # there is none yet
    tagged = {
        **ACCOUNT[0],
        "Condition": {
            "StringLike": {"aws:RequestTag/TenantId": "?*"},
            "ForAllValues:StringEquals": {"aws:TagKeys": ["TenantId"]},
        },
    }
    role(server, "trusting", ANYTHING, [tagged])
    acme = {"Key": "TenantId", "Value": "acme"}
    assert refused(sts.assume_role, **asked)[0] == "AccessDenied"
    more = [acme, {"Key": "Admin", "Value": "yes"}]
    assert refused(sts.assume_role, **asked, Tags=more)[0] == "AccessDenied"
    assert sts.assume_role(**asked, Tags=[acme])["PackedPolicySize"] > 0
    role(server, "trusting", ANYTHING, [{**ACCOUNT[0], "Action": "sts:AssumeRole"}])
    _, message = refused(sts.assume_role, **asked, Tags=[acme])
    assert "sts:TagSession" in message
    other = {**ACCOUNT[0], "Principal": {"AWS": role(server, "another", ANYTHING)}}
    role(server, "trusting", ANYTHING, [other])
    assert refused(sts.assume_role, **asked)[0] == "AccessDenied"


def test_the_limits_of_assume_role(server: Server) -> None:
    sts = server.client("sts")
    arn = role(server, "limits", ANYTHING, MaxSessionDuration=7200)
    asked = {"RoleArn": arn, "RoleSessionName": "someone"}
    for more, code in (
        ({"DurationSeconds": 7201}, "ValidationError"),
        ({"Policy": document([allow("s3:GetObject", "x" * 2048)])}, "ValidationError"),
        ({"RoleSessionName": "with space"}, "ValidationError"),
        ({"Tags": [{"Key": str(n), "Value": "x"} for n in range(51)]}, "ValidationError"),
        (
            {"Tags": [{"Key": "a", "Value": "x"}, {"Key": "A", "Value": "y"}]},
            "InvalidParameterValue",
        ),
        (
            {"Tags": [{"Key": f"{n:0128}", "Value": _noise(n)} for n in range(20)]},
            "PackedPolicyTooLarge",
        ),
    ):
        assert refused(sts.assume_role, **{**asked, **more})[0] == code, more
    assert sts.assume_role(**asked, DurationSeconds=7200)
    chained = server.client("sts", **session(server, RoleArn=arn))
    assert refused(chained.assume_role, **asked, DurationSeconds=3601)[0] == "ValidationError"
    assert chained.assume_role(**asked, DurationSeconds=3600)


def _noise(seed: int) -> str:
    import random

    return "".join(random.Random(seed).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=250))


def test_transitive_tags_go_along_and_cannot_be_changed(server: Server) -> None:
    arn = role(server, "chain", ANYTHING)
    first = server.client("sts", **session(server, RoleArn=arn, TransitiveTagKeys=["TenantId"]))
    asked = {"RoleArn": arn, "RoleSessionName": "second"}
    other = [{"Key": "TenantId", "Value": "globex"}]
    assert refused(first.assume_role, **asked, Tags=other)[0] == "InvalidParameterValue"
    given = first.assume_role(**asked)["Credentials"]
    runtime = server.client(
        "bedrock-runtime",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    runtime.converse(modelId=NOVA, messages=[user("hello")])
    assert server.requests()[-1]["sessionTags"] == {"TenantId": "acme"}


def test_iam_survives_kill_9(start: Any) -> None:
    first = start()
    iam = first.client("iam")
    role(first, "kept", [allow("bedrock:*")], MaxSessionDuration=7200, Path="/deep/")
    policy = iam.create_policy(PolicyName="more", PolicyDocument=document([allow("s3:*")]))
    arn = policy["Policy"]["Arn"]
    iam.create_policy_version(
        PolicyArn=arn, PolicyDocument=document([allow("s3:Get*")]), SetAsDefault=True
    )
    iam.attach_role_policy(RoleName="kept", PolicyArn=arn)
    iam.create_user(UserName="kurt")
    key = iam.create_access_key(UserName="kurt")["AccessKey"]["AccessKeyId"]
    iam.create_role(RoleName="gone", AssumeRolePolicyDocument=document(ACCOUNT))
    iam.delete_role(RoleName="gone")
    own = session(first, RoleArn=ARN + "deep/kept")
    before = iam.get_role(RoleName="kept")["Role"]
    first.process.kill()
    first.stop()
    second = start()
    iam = second.client("iam")
    after = iam.get_role(RoleName="kept")["Role"]
    assert after == before
    assert [row["RoleName"] for row in iam.list_roles()["Roles"]] == ["kept"]
    attached = iam.list_attached_role_policies(RoleName="kept")["AttachedPolicies"]
    assert [row["PolicyArn"] for row in attached] == [arn]
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v2"
    assert iam.list_access_keys(UserName="kurt")["AccessKeyMetadata"][0]["AccessKeyId"] == key
    runtime = second.client("bedrock-runtime", **own)
    runtime.converse(modelId=NOVA, messages=[user("hello")])
    call = second.client("s3", **own).create_bucket
    assert refused(call, Bucket="not-mine")[0] == "AccessDenied"


def test_expired_credentials_are_refused_by_each_service(start: Any, tmp_path: Path) -> None:
    first = start()
    role(first, "late", ANYTHING)
    own = session(first, RoleArn=ARN + "late")
    first.stop()
    path = tmp_path / "state" / "sessions.json"
    document_of = json.loads(path.read_text())
    for fields in document_of.values():
        fields["expires"] = 1.0
    path.write_text(json.dumps(document_of))
    second = start()
    code = refused(
        second.client("bedrock-runtime", **own).converse, modelId=NOVA, messages=[user("hello")]
    )[0]
    assert code == "ExpiredTokenException"
    assert refused(second.client("s3", **own).list_buckets)[0] == "ExpiredToken"
    assert refused(second.client("sts", **own).get_caller_identity)[0] == "ExpiredToken"
