"""IAM as the local AWS enforces it: what a policy says decides, for each service's own wording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import ANYTHING, NOVA, Server, document, role, user
from .policies import ARN, allow, deny, keys, refused

MODEL = f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}"


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
        urllib.request.urlopen(url, timeout=60)  # noqa: S310 - our own loopback
    assert caught.value.code == 403
    caught.value.close()


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
