"""boto3 in another version than the product's."""

from __future__ import annotations

import io
import json
import urllib.request
from contextlib import closing

import boto3
import pytest
from botocore.exceptions import ClientError, EventStreamError
from support import NOVA, SCHEMA, TITAN, quickstart, script

TOOL = {"toolSpec": {"name": "weather", "description": "Weather", "inputSchema": {"json": SCHEMA}}}
HELLO = [{"role": "user", "content": [{"text": "Hello!"}]}]


@pytest.fixture(scope="module")
def runtime():
    return boto3.client("bedrock-runtime")


def test_the_quickstart_prints_an_answer():
    assert "local model" in quickstart(__file__)


def test_a_tool_is_called_and_its_result_answered(runtime):
    script(tool_use={"name": "weather", "input": {"city": "Vienna"}})
    asked = {"modelId": NOVA, "toolConfig": {"tools": [TOOL], "toolChoice": {"any": {}}}}
    first = runtime.converse(messages=HELLO, **asked)
    assert first["stopReason"] == "tool_use"
    call = first["output"]["message"]["content"][0]["toolUse"]
    assert call["input"] == {"city": "Vienna"}
    result = {"toolUseId": call["toolUseId"], "content": [{"json": {"celsius": 21}}]}
    script(text="It is 21 degrees.")
    messages = [*HELLO, first["output"]["message"]]
    messages.append({"role": "user", "content": [{"toolResult": result}]})
    second = runtime.converse(messages=messages, modelId=NOVA, toolConfig={"tools": [TOOL]})
    assert second["output"]["message"]["content"] == [{"text": "It is 21 degrees."}]


def test_a_streamed_tool_call_and_its_usage_arrive(runtime):
    script(text="Let me see.", tool_use={"name": "weather", "input": {"city": "Vienna"}})
    stream = runtime.converse_stream(modelId=NOVA, messages=HELLO, toolConfig={"tools": [TOOL]})[
        "stream"
    ]
    events = list(stream)
    parts = [e["contentBlockDelta"]["delta"] for e in events if "contentBlockDelta" in e]
    assert "".join(p.get("text", "") for p in parts) == "Let me see."
    argument = "".join(p["toolUse"]["input"] for p in parts if "toolUse" in p)
    assert json.loads(argument) == {"city": "Vienna"}
    assert events[-1]["metadata"]["usage"]["totalTokens"] > 0


def test_errors_have_their_classes_before_a_stream_and_inside_it(runtime):
    script(error={"code": "ThrottlingException"}, times=10)
    with pytest.raises(runtime.exceptions.ThrottlingException):
        runtime.converse(modelId=NOVA, messages=HELLO)
    runtime_reset()
    with pytest.raises(runtime.exceptions.ValidationException):
        runtime.converse(modelId="no.such-model", messages=HELLO)
    script(text="one two", stream_error={"after": 1, "code": "ModelStreamErrorException"})
    stream = runtime.converse_stream(modelId=NOVA, messages=HELLO)["stream"]
    with closing(stream), pytest.raises(EventStreamError) as failed:
        list(stream)
    assert failed.value.response["Error"]["Code"] == "modelStreamErrorException"


def runtime_reset():
    import os

    url = f"{os.environ['AWS_ENDPOINT_URL']}/_localaws/reset"
    urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10).close()  # noqa: S310 - our own loopback


def test_text_is_embedded_and_checked_by_a_guardrail(runtime):
    answer = runtime.invoke_model(modelId=TITAN, body=json.dumps({"inputText": "a hotel"}))
    assert len(json.load(answer["body"])["embedding"]) == 1024
    assert int(answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-bedrock-input-token-count"]) > 0
    control = boto3.client("bedrock")
    made = control.create_guardrail(
        name="boto3",
        blockedInputMessaging="No.",
        blockedOutputsMessaging="No.",
        wordPolicyConfig={"wordsConfig": [{"text": "bluebird"}]},
    )
    checked = runtime.apply_guardrail(
        guardrailIdentifier=made["guardrailId"],
        guardrailVersion="DRAFT",
        source="INPUT",
        content=[{"text": {"text": "Tell me of Project Bluebird"}}],
    )
    assert checked["action"] == "GUARDRAIL_INTERVENED"


def test_a_bearer_token_is_taken(monkeypatch):
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-local")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    runtime = boto3.Session(region_name="us-east-1").client("bedrock-runtime")
    assert runtime.converse(modelId=NOVA, messages=HELLO)["stopReason"] == "end_turn"


def test_objects_are_kept_listed_presigned_and_sent_in_parts():
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="from-boto3")
    s3.put_object(Bucket="from-boto3", Key="a b/ü.txt", Body=b"hello", ContentType="text/plain")
    assert s3.get_object(Bucket="from-boto3", Key="a b/ü.txt")["Body"].read() == b"hello"
    listed = s3.list_objects_v2(Bucket="from-boto3", Prefix="a b/")["Contents"]
    assert [found["Key"] for found in listed] == ["a b/ü.txt"]
    link = s3.generate_presigned_url(
        "get_object", Params={"Bucket": "from-boto3", "Key": "a b/ü.txt"}
    )
    with urllib.request.urlopen(link, timeout=10) as answer:  # noqa: S310 - our own loopback
        assert answer.read() == b"hello"
    big = bytes(range(256)) * (9 * 4096)
    s3.upload_fileobj(io.BytesIO(big), "from-boto3", "big.bin")
    assert s3.get_object(Bucket="from-boto3", Key="big.bin")["Body"].read() == big
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="from-boto3", Key="none")
    with pytest.raises(ClientError) as missing:
        s3.head_object(Bucket="from-boto3", Key="none")
    assert missing.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
