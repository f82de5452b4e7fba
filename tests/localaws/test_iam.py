"""IAM as the local AWS enforces it: what a policy says decides, for each service's own wording."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import ACCOUNT, ANYTHING, NOVA, Server, document, role, session, user

ARN = "arn:aws:iam::123456789012:role/"
MODEL = f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}"


def allow(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def keys(server: Server, name: str, statements: list[dict[str, Any]], **more: Any) -> Any:
    """The keys of a session of a role with these statements."""
    return session(server, RoleArn=role(server, name, statements), **more)


def refused(call: Any, **params: Any) -> tuple[str, str]:
    """(code, message) of the refusal that a call must meet."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def talks(server: Server, statements: list[dict[str, Any]], **more: Any) -> bool:
    """Whether a session under the statements may call Converse."""
    runtime = server.client("bedrock-runtime", **keys(server, "talks", statements, **more))
    try:
        runtime.converse(modelId=NOVA, messages=[user("hello")])
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDeniedException"
        return False
    return True


def test_a_model_call_without_an_allow_is_refused_in_awss_words(server: Server) -> None:
    runtime = server.client("bedrock-runtime", **keys(server, "none", [allow("s3:*")]))
    code, message = refused(runtime.converse, modelId=NOVA, messages=[user("hello")])
    assert code == "AccessDeniedException"
    assert message == (
        "User: arn:aws:sts::123456789012:assumed-role/none/tenant-acme is not authorized to"
        f" perform: bedrock:InvokeModel on resource: {MODEL} because no identity-based policy"
        " allows the bedrock:InvokeModel action"
    )
    with pytest.raises(ClientError) as caught:
        runtime.converse_stream(modelId=NOVA, messages=[user("hello")])
    assert "bedrock:InvokeModelWithResponseStream" in str(caught.value)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


INVOKE = "bedrock:InvokeModel"


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([allow(INVOKE)], True),
        ([allow("bedrock:invoke*", MODEL)], True),
        ([allow(INVOKE, "arn:aws:bedrock:*::foundation-model/amazon.*")], True),
        ([allow(INVOKE, "arn:aws:bedrock:eu-*::foundation-model/*")], False),
        ([allow(INVOKE, "arn:aws:bedrock:*foundation-model/*")], False),
        ([allow(INVOKE), deny(INVOKE, MODEL)], False),
        ([deny("bedrock:*"), allow("*")], False),
        ([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], True),
        ([{"Effect": "Allow", "NotAction": "bedrock:*", "Resource": "*"}], False),
        ([allow("*"), {"Effect": "Deny", "Action": "*", "NotResource": MODEL}], True),
        ([allow("*"), {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::*"}], False),
    ],
)
def test_actions_and_resources_decide(
    server: Server, statements: list[dict[str, Any]], allowed: bool
) -> None:
    assert talks(server, statements) is allowed


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"StringEquals": {"aws:PrincipalTag/TenantId": "acme"}}, True),
        ({"StringEquals": {"aws:principaltag/tenantid": ["x", "acme"]}}, True),
        ({"StringEquals": {"aws:PrincipalTag/TenantId": "${aws:PrincipalTag/TenantId}"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/TenantId": "${aws:PrincipalTag/Nobody}"}}, False),
        ({"StringEquals": {"aws:PrincipalTag/TenantId": "a*"}}, False),
        ({"StringLike": {"aws:PrincipalTag/TenantId": "a?m*"}}, True),
        ({"StringNotEquals": {"aws:PrincipalTag/TenantId": "acme"}}, False),
        ({"StringNotLike": {"aws:PrincipalTag/TenantId": "g*"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/Absent": "x"}}, False),
        ({"StringNotEquals": {"aws:PrincipalTag/Absent": "x"}}, True),
        ({"StringEqualsIfExists": {"aws:PrincipalTag/Absent": "x"}}, True),
        ({"Null": {"aws:PrincipalTag/Absent": "true"}}, True),
        ({"Null": {"aws:PrincipalTag/TenantId": True}}, False),
        ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
        ({"ArnLike": {"aws:PrincipalArn": ARN + "t*"}}, True),
        ({"ArnNotEquals": {"aws:PrincipalArn": ARN + "talks"}}, False),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": "x"}}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "x"}}, True),
        ({"NumericLessThan": {"aws:PrincipalTag/Level": "10"}}, True),
        ({"NumericGreaterThanEquals": {"aws:PrincipalTag/Level": "9.5"}}, False),
        # What nobody can judge counts against the caller.
        ({"BinaryEquals": {"aws:PrincipalTag/TenantId": "YWNtZQ=="}}, False),
        ({"StringNotEquals": {"aws:NoSuchKey": "acme"}}, False),
    ],
)
def test_conditions_decide(server: Server, condition: dict[str, Any], allowed: bool) -> None:
    tags = [{"Key": "TenantId", "Value": "acme"}, {"Key": "Level", "Value": "9"}]
    assert talks(server, [allow("*", Condition=condition)], Tags=tags) is allowed


def test_a_deny_that_cannot_be_judged_denies(server: Server) -> None:
    odd = {"BinaryEquals": {"aws:PrincipalTag/TenantId": "Z2xvYmV4"}}
    assert not talks(server, [*ANYTHING, deny("*", Condition=odd)])


def test_a_tag_that_looks_like_a_wildcard_opens_nothing(server: Server) -> None:
    server.client("s3").create_bucket(Bucket="wild")
    server.client("s3").put_object(Bucket="wild", Key="acme/secret", Body=b"x")
    own = [allow("s3:GetObject", "arn:aws:s3:::wild/${aws:PrincipalTag/TenantId}/*")]
    star = keys(server, "wild", own, Tags=[{"Key": "TenantId", "Value": "*"}])
    call = server.client("s3", **star).get_object
    assert refused(call, Bucket="wild", Key="acme/secret")[0] == "AccessDenied"


def test_a_session_policy_narrows_and_never_grants(server: Server) -> None:
    only = [allow("bedrock:InvokeModel")]
    assert talks(server, ANYTHING, Policy=document(only))
    assert not talks(server, ANYTHING, Policy=document([allow("s3:*")]))
    assert not talks(server, [allow("s3:*")], Policy=document(ANYTHING))


def test_a_changed_policy_meets_sessions_under_way(server: Server) -> None:
    runtime = server.client("bedrock-runtime", **keys(server, "changing", ANYTHING))
    runtime.converse(modelId=NOVA, messages=[user("hello")])
    role(server, "changing", [*ANYTHING, deny("bedrock:*")])
    _, message = refused(runtime.converse, modelId=NOVA, messages=[user("hello")])
    assert message.endswith("with an explicit deny in an identity-based policy")
    server.client("iam").delete_role_policy(RoleName="changing", PolicyName="all")
    server.client("iam").delete_role(RoleName="changing")
    assert refused(runtime.converse, modelId=NOVA, messages=[user("hello")])[0].startswith("Access")


def test_s3_is_judged_object_by_object(server: Server) -> None:
    admin = server.client("s3")
    admin.create_bucket(Bucket="judged")
    for key in ("mine/a", "mine/b", "theirs/a"):
        admin.put_object(Bucket="judged", Key=key, Body=b"x")
    statements = [
        allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], "arn:aws:s3:::judged/mine/*"),
        allow(
            "s3:ListBucket",
            "arn:aws:s3:::judged",
            Condition={"StringLike": {"s3:prefix": "mine/*"}},
        ),
    ]
    s3 = server.client("s3", **keys(server, "judged", statements))
    assert s3.get_object(Bucket="judged", Key="mine/a")["Body"].read() == b"x"
    for call, params in (
        (s3.get_object, {"Key": "theirs/a"}),
        (s3.put_object, {"Key": "theirs/b", "Body": b"y"}),
        (s3.delete_object, {"Key": "theirs/a"}),
        (s3.copy_object, {"Key": "mine/c", "CopySource": "judged/theirs/a"}),
        (s3.copy_object, {"Key": "theirs/c", "CopySource": "judged/mine/a"}),
        (s3.list_objects_v2, {"Prefix": "theirs/"}),
        (s3.list_objects_v2, {}),
        (s3.list_object_versions, {"Prefix": "mine/"}),
        (s3.get_bucket_policy, {}),
        (s3.put_object_acl, {"Key": "mine/a", "ACL": "public-read"}),
        (s3.create_multipart_upload, {"Key": "theirs/big"}),
    ):
        assert refused(call, Bucket="judged", **params)[0] == "AccessDenied", params
    assert refused(s3.list_buckets)[0] == "AccessDenied"
    # S3 tells that a key is missing only to who may list the whole bucket.
    assert refused(s3.get_object, Bucket="judged", Key="mine/none")[0] == "AccessDenied"
    assert refused(s3.head_object, Bucket="judged", Key="theirs/a")[0] == "403"
    listed = s3.list_objects_v2(Bucket="judged", Prefix="mine/")["Contents"]
    assert [row["Key"] for row in listed] == ["mine/a", "mine/b"]


def test_of_a_bulk_deletion_only_the_allowed_keys_go(server: Server) -> None:
    admin = server.client("s3")
    admin.create_bucket(Bucket="bulk")
    for key in ("mine/a", "theirs/a & b"):
        admin.put_object(Bucket="bulk", Key=key, Body=b"x")
    mine = keys(server, "bulk", [allow("s3:DeleteObject", "arn:aws:s3:::bulk/mine/*")])
    s3 = server.client("s3", **mine)
    wanted = {"Objects": [{"Key": "mine/a"}, {"Key": "theirs/a & b"}]}
    answer = s3.delete_objects(Bucket="bulk", Delete=wanted)
    assert [row["Key"] for row in answer["Deleted"]] == ["mine/a"]
    assert [(row["Key"], row["Code"]) for row in answer["Errors"]] == [
        ("theirs/a & b", "AccessDenied")
    ]
    alone = s3.delete_objects(Bucket="bulk", Delete={"Objects": [{"Key": "theirs/a & b"}]})
    assert len(alone["Errors"]) == 1
    left = [row["Key"] for row in admin.list_objects_v2(Bucket="bulk")["Contents"]]
    assert left == ["theirs/a & b"]


def test_a_presigned_address_can_do_no_more_than_its_signer(server: Server) -> None:
    import urllib.error
    import urllib.request

    server.client("s3").create_bucket(Bucket="signed")
    server.client("s3").put_object(Bucket="signed", Key="theirs/a", Body=b"x")
    s3 = server.client("s3", **keys(server, "signed", [allow("s3:GetObject", "arn:aws:s3:::m/*")]))
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "signed", "Key": "theirs/a"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url, timeout=5)  # noqa: S310 - our own loopback
    assert caught.value.code == 403
    caught.value.close()


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
    other = {**ACCOUNT[0], "Principal": {"AWS": ARN + "another"}}
    role(server, "trusting", ANYTHING, [other])
    assert refused(sts.assume_role, **asked)[0] == "AccessDenied"


def test_the_limits_of_assume_role(server: Server) -> None:
    sts = server.client("sts")
    arn = role(server, "limits", ANYTHING, MaxSessionDuration=7200)
    asked = {"RoleArn": arn, "RoleSessionName": "someone"}
    for more, code in (
        ({"DurationSeconds": 7201}, "ValidationError"),
        ({"Policy": document([allow("s3:GetObject", "x" * 2048)])}, "ValidationError"),
        ({"Policy": "{not json"}, "MalformedPolicyDocument"),
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
        assert refused(sts.assume_role, **asked, **more)[0] == code, more
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


def test_a_user_with_keys_is_limited_by_its_policies(server: Server) -> None:
    iam = server.client("iam")
    iam.create_user(UserName="ursula")
    iam.create_group(GroupName="readers")
    made = iam.create_access_key(UserName="ursula")["AccessKey"]
    own = {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
    }
    runtime = server.client("bedrock-runtime", **own)
    call = {"modelId": NOVA, "messages": [user("hello")]}
    assert refused(runtime.converse, **call)[0] == "AccessDeniedException"
    assert refused(server.client("iam", **own).list_users)[0] == "AccessDenied"
    assert refused(server.client("sts", **own).get_session_token)[0] == "AccessDenied"
    policy = iam.create_policy(PolicyName="talk", PolicyDocument=document([allow("bedrock:*")]))
    iam.attach_group_policy(GroupName="readers", PolicyArn=policy["Policy"]["Arn"])
    iam.add_user_to_group(GroupName="readers", UserName="ursula")
    runtime.converse(**call)


def test_every_operation_that_is_served_has_its_permissions_mapped(tmp_path: Path) -> None:
    from localaws.iam.actions import MAPPED
    from localaws.services import LocalAws

    offered = LocalAws(tmp_path)._dispatcher.operations()
    assert {row["service"] for row in offered} >= {"bedrock", "bedrock-agent", "ce"}
    for row in offered:
        service, operation = row["service"], row["operation"]
        mapped = operation in MAPPED.get(service, {})
        assert mapped, f"{service}: say in iam/actions.py what {operation} needs"


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


def test_enforcement_takes_less_than_a_third_of_a_millisecond() -> None:
    """The pure cost of one guarded Converse through a profile: five permissions, twelve rules."""
    import time
    import timeit

    from localaws.iam import engine
    from localaws.iam.documents import Check
    from localaws.iam.principals import Principal
    from localaws.identity import Caller

    text = document(
        [
            allow(
                f"bedrock:Invoke{(number % 2 and 'Model') or '*'}",
                f"arn:aws:bedrock:*:123456789012:application-inference-profile/{number}*",
                Condition={"StringEquals": {"aws:ResourceTag/a": "${aws:PrincipalTag/TenantId}"}},
            )
            for number in range(12)
        ]
        + ANYTHING
    )
    principal = Principal("arn:aws:iam::123456789012:role/x", ((text,),), ("identity-based",))
    caller = Caller(session_tags={"TenantId": "acme", "Tier": "growth"}, role="x")
    checks = [Check("bedrock:InvokeModel", f"{MODEL}-{number}") for number in range(5)]

    def judge() -> None:
        assert engine.first_refusal(principal, checks, engine.base_context(caller)) is None

    best = min(timeit.repeat(judge, number=200, repeat=5, timer=time.thread_time)) / 200
    assert best < 0.0003, f"{best * 1000:.3f} ms"
