import gzip
import json
from threading import Event

import pytest

from .conftest import NOVA, assumed, said, user


def test_invocation_logs_are_delivered_in_bedrocks_format(server):
    running = server
    region = "eu-west-1"
    s3 = running.client("s3", region=region)
    s3.create_bucket(Bucket="logs", CreateBucketConfiguration={"LocationConstraint": region})
    running.client("bedrock", region=region).put_model_invocation_logging_configuration(
        loggingConfig={
            "s3Config": {"bucketName": "logs", "keyPrefix": "audit"},
            "textDataDeliveryEnabled": True,
            "embeddingDataDeliveryEnabled": True,
        }
    )
    runtime = running.client("bedrock-runtime", region=region, **assumed(running))
    answer = runtime.converse(
        modelId="eu.amazon.nova-lite-v1:0",
        messages=[user("hello")],
        requestMetadata={"tenant": "acme", "feature": "ask"},
    )
    list(runtime.converse_stream(modelId=NOVA, messages=[user("x" * 200_000)])["stream"])
    running.script({"error": {"code": "ThrottlingException", "status": 429}})
    with pytest.raises(runtime.exceptions.ThrottlingException):
        runtime.converse(modelId=NOVA, messages=[user("hello")])
    runtime.invoke_model(
        modelId="amazon.titan-embed-text-v2:0", body=json.dumps({"inputText": "hello"})
    )

    def read(key):
        return gzip.decompress(s3.get_object(Bucket="logs", Key=key)["Body"].read()).decode()

    records = []
    waiting = Event()
    for _ in range(100):
        listed = s3.list_objects_v2(Bucket="logs").get("Contents", [])
        keys = [row["Key"] for row in listed]
        records = [json.loads(x) for k in keys if "/data/" not in k for x in read(k).splitlines()]
        if len(records) == 4:
            break
        waiting.wait(0.1)
    folder = "audit/AWSLogs/123456789012/BedrockModelInvocationLogs/eu-west-1/"
    assert all(key.startswith(folder) for key in keys)
    by_operation = {(record["operation"], record.get("errorCode")): record for record in records}
    assert len(records) == 4
    plain = by_operation["Converse", None]
    assert plain["schemaType"] == "ModelInvocationLog"
    assert plain["identity"]["arn"].endswith("assumed-role/tenant/tenant-acme")
    assert plain["modelId"] == "eu.amazon.nova-lite-v1:0"
    assert plain["requestId"] == answer["ResponseMetadata"]["RequestId"]
    assert plain["requestMetadata"] == {"tenant": "acme", "feature": "ask"}
    assert plain["input"]["inputTokenCount"] == answer["usage"]["inputTokens"]
    assert plain["output"]["outputTokenCount"] == answer["usage"]["outputTokens"]
    assert plain["output"]["outputBodyJson"]["output"]["message"]["content"][0]["text"] == said(
        answer
    )
    large = by_operation["ConverseStream", None]["input"]
    assert "inputBodyJson" not in large
    bucket, key = large["inputBodyS3Path"].removeprefix("s3://").split("/", 1)
    assert bucket == "logs" and "x" * 200_000 in read(key)
    assert ("Converse", "ThrottlingException") in by_operation
    assert by_operation["InvokeModel", None]["input"]["inputTokenCount"] == 1


def test_a_session_knows_itself(server):
    identity = server.client("sts", **assumed(server)).get_caller_identity()
    assert identity["Arn"] == "arn:aws:sts::123456789012:assumed-role/tenant/tenant-acme"
    assert identity["Account"] == "123456789012"
