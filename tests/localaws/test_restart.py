"""What was kept is there after kill -9: one server fills the state, the next reads it."""

from __future__ import annotations

import pytest

from .conftest import NOVA, Server, assumed, user

ODD_KEYS = [
    "plain.txt",
    "a/b/ü ?#%&+.pdf",
    "../../escape",
    "dots/./..",
    "x" * 900,
    "日本語/ファイル",
]
EU = "eu-central-1"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The second server on a state that the first left by kill -9, and what the first said."""
    state = tmp_path_factory.mktemp("kept")
    first = Server(state)
    s3, bedrock = first.client("s3", region=EU), first.client("bedrock")
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": EU})
    for number, key in enumerate(ODD_KEYS):
        s3.put_object(
            Bucket="kept",
            Key=key,
            Body=b"body %d" % number,
            ContentType="application/pdf",
            Metadata={"document": str(number)},
            Tagging="tenant=acme",
        )
    for key, body in (("replaced", b"old"), ("replaced", b"new"), ("gone", b"x"), ("gone 2", b"x")):
        s3.put_object(Bucket="kept", Key=key, Body=body)
    s3.delete_object(Bucket="kept", Key="gone")
    s3.delete_objects(Bucket="kept", Delete={"Objects": [{"Key": "gone 2"}]})
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "t/"}, "Expiration": {"Days": 3}}
    s3.put_bucket_lifecycle_configuration(Bucket="kept", LifecycleConfiguration={"Rules": [rule]})
    s3.create_bucket(Bucket="dropped", CreateBucketConfiguration={"LocationConstraint": EU})
    s3.delete_bucket(Bucket="dropped")
    facts = {
        "etag": s3.head_object(Bucket="kept", Key="plain.txt")["ETag"],
        "keys": assumed(first),
        "profile": bedrock.create_inference_profile(
            inferenceProfileName="kept",
            modelSource={"copyFrom": f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}"},
        )["inferenceProfileArn"],
        "guardrail": bedrock.create_guardrail(
            name="kept",
            blockedInputMessaging="in",
            blockedOutputsMessaging="out",
            wordPolicyConfig={"wordsConfig": [{"text": "x"}]},
        )["guardrailId"],
    }
    bedrock.create_guardrail_version(guardrailIdentifier=facts["guardrail"])
    bedrock.put_model_invocation_logging_configuration(
        loggingConfig={"s3Config": {"bucketName": "kept", "keyPrefix": "p"}}
    )
    first.process.kill()
    first.stop()
    second = Server(state)
    yield second, facts
    second.stop()


def test_objects_come_back_with_metadata_and_tags(kept):
    server, facts = kept
    s3 = server.client("s3", region=EU)
    assert s3.get_bucket_location(Bucket="kept")["LocationConstraint"] == EU
    kept_keys = [row["Key"] for row in s3.list_objects_v2(Bucket="kept")["Contents"]]
    # What other tests here asked may have been logged meanwhile.
    listed = [key for key in kept_keys if not key.endswith(".json.gz")]
    marker = (
        "p/AWSLogs/123456789012/BedrockModelInvocationLogs/amazon-bedrock-logs-permission-check"
    )
    assert sorted(listed) == sorted([*ODD_KEYS, "replaced", marker])
    for number, key in enumerate(ODD_KEYS):
        found = s3.get_object(Bucket="kept", Key=key)
        assert found["Body"].read() == b"body %d" % number
        assert found["ContentType"] == "application/pdf"
        assert found["Metadata"] == {"document": str(number)}
        tags = s3.get_object_tagging(Bucket="kept", Key=key)["TagSet"]
        assert tags == [{"Key": "tenant", "Value": "acme"}]
    assert s3.head_object(Bucket="kept", Key="plain.txt")["ETag"] == facts["etag"]
    assert s3.get_object(Bucket="kept", Key="replaced")["Body"].read() == b"new"


def test_bucket_settings_come_back_and_deleted_buckets_do_not(kept):
    s3 = kept[0].client("s3", region=EU)
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["kept"]
    rules = s3.get_bucket_lifecycle_configuration(Bucket="kept")["Rules"]
    assert rules[0]["Expiration"]["Days"] == 3


def test_bedrock_resources_come_back_in_their_region_alone(kept):
    server, facts = kept
    bedrock = server.client("bedrock")
    profile = bedrock.get_inference_profile(inferenceProfileIdentifier=facts["profile"])
    assert profile["status"] == "ACTIVE"
    guardrail = bedrock.get_guardrail(guardrailIdentifier=facts["guardrail"], guardrailVersion="1")
    assert guardrail["name"] == "kept"
    logging = bedrock.get_model_invocation_logging_configuration()["loggingConfig"]
    assert logging["s3Config"] == {"bucketName": "kept", "keyPrefix": "p"}
    elsewhere = server.client("bedrock", region="eu-west-1")
    assert elsewhere.list_guardrails()["guardrails"] == []
    assert "loggingConfig" not in elsewhere.get_model_invocation_logging_configuration()


def test_a_role_session_is_still_known_by_its_key(kept):
    server, facts = kept
    runtime = server.client("bedrock-runtime", **facts["keys"])
    runtime.converse(modelId=NOVA, messages=[user("hello")])
    call = server.requests()[-1]
    assert call["identity"] == "arn:aws:sts::123456789012:assumed-role/tenant/tenant-acme"
    assert call["sessionTags"] == {"TenantId": "acme", "Tier": "basic"}
