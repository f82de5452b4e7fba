import gzip
import json

import pytest

from tests.support.waiting import eventually

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

    def delivered():
        listed = s3.list_objects_v2(Bucket="logs").get("Contents", [])
        keys = [row["Key"] for row in listed]
        logs = [key for key in keys if key.endswith(".json.gz") and "/data/" not in key]
        records = [json.loads(line) for key in logs for line in read(key).splitlines()]
        return (keys, records) if len(records) == 4 else None

    keys, records = eventually(delivered)
    folder = "audit/AWSLogs/123456789012/BedrockModelInvocationLogs/"
    marker = f"{folder}amazon-bedrock-logs-permission-check"
    assert marker in keys
    assert all(key.startswith(f"{folder}eu-west-1/") for key in keys if key != marker)
    by_operation = {(record["operation"], record.get("errorCode")): record for record in records}
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
    assert plain["inferenceRegion"] in ("eu-west-1", "eu-central-1", "eu-west-3")
    large = by_operation["ConverseStream", None]["input"]
    assert "inputBodyJson" not in large
    bucket, key = large["inputBodyS3Path"].removeprefix("s3://").split("/", 1)
    assert bucket == "logs" and "x" * 200_000 in read(key)
    assert ("Converse", "ThrottlingException") in by_operation
    assert by_operation["InvokeModel", None]["input"]["inputTokenCount"] == 1


def test_deliveries_go_wrong_as_they_are_told_to(server):
    region = "eu-west-3"
    s3 = server.client("s3", region=region)
    s3.create_bucket(Bucket="faulty", CreateBucketConfiguration={"LocationConstraint": region})
    control = server.client("bedrock", region=region)
    wanted = {"s3Config": {"bucketName": "nowhere"}, "textDataDeliveryEnabled": True}
    with pytest.raises(control.exceptions.ValidationException):
        control.put_model_invocation_logging_configuration(loggingConfig=wanted)
    wanted["s3Config"]["bucketName"] = "faulty"
    control.put_model_invocation_logging_configuration(loggingConfig=wanted)
    runtime = server.client("bedrock-runtime", region=region)

    def ask(times):
        for _ in range(times):
            runtime.converse(modelId=NOVA, messages=[user("hello")])

    def files():
        listed = s3.list_objects_v2(Bucket="faulty").get("Contents", [])
        keys = [row["Key"] for row in listed if row["Key"].endswith(".json.gz")]
        return [s3.get_object(Bucket="faulty", Key=key)["Body"].read() for key in keys]

    def identifiers():
        lines = b"".join(gzip.decompress(content) for content in files()).splitlines()
        return [json.loads(line)["requestId"] for line in lines]

    assert server.post("logs", {"hold": True}) == {"waiting": 0, "repaired": 0}
    ask(3)
    assert server.post("logs", {"truncate": 1})["waiting"] == 3
    assert server.post("logs", {"hold": False})["waiting"] == 0
    with pytest.raises(EOFError):
        gzip.decompress(files()[0])
    assert server.post("logs", {"repair": True})["repaired"] == 1
    assert len(set(identifiers())) == 3
    server.post("logs", {"hold": True, "duplicate": 1, "drop": 1})
    ask(2)
    server.post("logs", {"hold": False})
    assert len(identifiers()) == 6  # one was dropped, the other came three times
    assert len(set(identifiers())) == 4


def test_a_deleted_logging_configuration_logs_no_more(server):
    region = "ca-central-1"
    s3, control = server.client("s3", region=region), server.client("bedrock", region=region)
    s3.create_bucket(Bucket="brief", CreateBucketConfiguration={"LocationConstraint": region})
    wanted = {"s3Config": {"bucketName": "brief"}, "textDataDeliveryEnabled": True}
    control.put_model_invocation_logging_configuration(loggingConfig=wanted)
    control.delete_model_invocation_logging_configuration()
    assert "loggingConfig" not in control.get_model_invocation_logging_configuration()
    runtime = server.client("bedrock-runtime", region=region)
    runtime.converse(modelId=NOVA, messages=[user("hello")])
    assert server.post("logs", {})["waiting"] == 0
    logged = s3.list_objects_v2(Bucket="brief").get("Contents", [])
    assert [row["Key"] for row in logged if row["Key"].endswith(".gz")] == []


def test_a_session_knows_itself(server):
    identity = server.client("sts", **assumed(server)).get_caller_identity()
    assert identity["Arn"] == "arn:aws:sts::123456789012:assumed-role/tenant/tenant-acme"
    assert identity["Account"] == "123456789012"


def test_a_call_that_a_reset_found_under_way_is_not_logged(server):
    region = "eu-central-1"
    s3 = server.client("s3", region=region)
    s3.create_bucket(Bucket="logs-reset", CreateBucketConfiguration={"LocationConstraint": region})
    server.client("bedrock", region=region).put_model_invocation_logging_configuration(
        loggingConfig={"s3Config": {"bucketName": "logs-reset", "keyPrefix": "r"}}
    )
    runtime = server.client("bedrock-runtime", region=region)
    server.script({"chunks": ["word "] * 20, "delay_ms": 20})
    stream = runtime.converse_stream(modelId=NOVA, messages=[user("under way")])["stream"]
    next(iter(stream))
    server.call("POST", "/_localaws/reset")
    assert "messageStop" in {name for event in stream for name in event}
    runtime.converse(modelId=NOVA, messages=[user("afterwards")])

    def logged():
        keys = [row["Key"] for row in s3.list_objects_v2(Bucket="logs-reset").get("Contents", [])]
        files = [s3.get_object(Bucket="logs-reset", Key=key)["Body"].read() for key in keys
                 if key.endswith(".json.gz")]  # fmt: skip
        return "".join(gzip.decompress(file).decode() for file in files)

    assert "under way" not in eventually(logged)
    assert [json.loads(line)["operation"] for line in logged().splitlines()] == ["Converse"]
