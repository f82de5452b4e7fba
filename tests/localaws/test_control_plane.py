import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from botocore.exceptions import ClientError

from tests.support.waiting import eventually

from .conftest import NOVA, said, user

NOVA_ARN = f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}"


def test_a_profile_carries_tags_is_callable_and_can_be_deleted(bedrock, runtime):
    arn = bedrock.create_inference_profile(
        inferenceProfileName="acme nova",
        modelSource={"copyFrom": NOVA_ARN},
        tags=[{"key": "tenant", "value": "acme"}, {"key": "tier", "value": "basic"}],
    )["inferenceProfileArn"]
    profile = bedrock.get_inference_profile(inferenceProfileIdentifier=arn)
    assert profile["type"] == "APPLICATION"
    assert profile["models"] == [{"modelArn": NOVA_ARN}]
    bedrock.tag_resource(resourceARN=arn, tags=[{"key": "tier", "value": "pro"}])
    bedrock.untag_resource(resourceARN=arn, tagKeys=["tenant"])
    tags = bedrock.list_tags_for_resource(resourceARN=arn)["tags"]
    assert tags == [{"key": "tier", "value": "pro"}]
    assert said(runtime.converse(modelId=arn, messages=[user("hello")]))
    listed = bedrock.list_inference_profiles(typeEquals="APPLICATION")
    assert arn in [row["inferenceProfileArn"] for row in listed["inferenceProfileSummaries"]]
    bedrock.delete_inference_profile(inferenceProfileIdentifier=arn)
    with pytest.raises(runtime.exceptions.ResourceNotFoundException):
        runtime.converse(modelId=arn, messages=[user("hello")])


def test_a_profile_only_model_is_copied_from_its_system_profile(bedrock, runtime):
    source = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-5"
    arn = bedrock.create_inference_profile(
        inferenceProfileName="frontier", modelSource={"copyFrom": source}
    )["inferenceProfileArn"]
    models = bedrock.get_inference_profile(inferenceProfileIdentifier=arn)["models"]
    assert len(models) > 1
    assert said(runtime.converse(modelId=arn, messages=[user("hello")]))


def test_system_profiles_and_models_are_listed_for_the_region(server, bedrock):
    here = bedrock.list_inference_profiles(typeEquals="SYSTEM_DEFINED")["inferenceProfileSummaries"]
    names = {row["inferenceProfileId"] for row in here}
    assert {"us.amazon.nova-lite-v1:0", "us.anthropic.claude-haiku-4-5-20251001-v1:0"} <= names
    there = server.client("bedrock", region="eu-central-1").list_inference_profiles()
    assert all(
        row["inferenceProfileId"].startswith(("eu.", "global."))
        for row in there["inferenceProfileSummaries"]
    )
    models = bedrock.list_foundation_models(byOutputModality="EMBEDDING")["modelSummaries"]
    assert "amazon.titan-embed-text-v2:0" in [row["modelId"] for row in models]
    assert (
        bedrock.get_foundation_model(modelIdentifier=NOVA)["modelDetails"]["modelArn"] == NOVA_ARN
    )


def test_provisioned_throughput_is_bought_called_and_given_back(server):
    control = server.client("bedrock", region="us-west-2")
    wanted = {"modelId": NOVA, "modelUnits": 2, "provisionedModelName": "by-the-hour"}
    arn = control.create_provisioned_model_throughput(**wanted)["provisionedModelArn"]
    bought = control.get_provisioned_model_throughput(provisionedModelId="by-the-hour")
    assert (bought["provisionedModelArn"], bought["status"]) == (arn, "InService")
    with pytest.raises(control.exceptions.ServiceQuotaExceededException):
        control.create_provisioned_model_throughput(
            **{**wanted, "modelUnits": 9, "provisionedModelName": "too-many"}
        )
    held = control.create_provisioned_model_throughput(
        **{**wanted, "provisionedModelName": "held", "commitmentDuration": "OneMonth"}
    )["provisionedModelArn"]
    with pytest.raises(control.exceptions.ConflictException):
        control.delete_provisioned_model_throughput(provisionedModelId=held)
    runtime = server.client("bedrock-runtime", region="us-west-2")
    assert said(runtime.converse(modelId=arn, messages=[user("hello")]))
    control.delete_provisioned_model_throughput(provisionedModelId=arn)
    left = control.list_provisioned_model_throughputs()["provisionedModelSummaries"]
    assert [row["provisionedModelArn"] for row in left] == [held]
    with pytest.raises(runtime.exceptions.ResourceNotFoundException):
        runtime.converse(modelId=arn, messages=[user("hello")])


def test_scripts_match_by_operation_model_and_words(server, runtime):
    server.script(
        {"match": {"contains": "second"}, "text": "for the second"},
        {"match": {"operation": "ConverseStream"}, "text": "streamed"},
        {"match": {"model": "nova-pro"}, "text": "from pro"},
    )
    pro = runtime.converse(modelId="us.amazon.nova-pro-v1:0", messages=[user("first")])
    assert said(pro) == "from pro"
    assert said(runtime.converse(modelId=NOVA, messages=[user("the second")])) == "for the second"


def test_a_script_sets_tool_calls_usage_and_stop_reason(server, runtime):
    server.script(
        {
            "text": "Let me look.",
            "tool_use": {"name": "search", "input": {"query": "q"}},
            "usage": {"inputTokens": 7, "outputTokens": 3},
        }
    )
    answer = runtime.converse(modelId=NOVA, messages=[user("hello")])
    assert answer["stopReason"] == "tool_use"
    assert answer["usage"] == {"inputTokens": 7, "outputTokens": 3, "totalTokens": 10}
    assert answer["output"]["message"]["content"][1]["toolUse"]["input"] == {"query": "q"}


def test_a_typo_in_a_script_is_refused(server):
    with pytest.raises(Exception, match="400"):
        server.script({"txt": "hello"})


def test_a_scripted_throttle_is_met_once(server, runtime):
    server.script({"error": {"code": "ThrottlingException"}})
    with pytest.raises(runtime.exceptions.ThrottlingException, match="Too many tokens"):
        runtime.converse(modelId=NOVA, messages=[user("hello")])
    assert runtime.converse(modelId=NOVA, messages=[user("hello")])["stopReason"] == "end_turn"


def test_a_truncated_frame_ends_the_stream_without_its_end(server, runtime):
    server.script({"chunks": ["one ", "two "], "truncate_after": 1})
    stream = runtime.converse_stream(modelId=NOVA, messages=[user("hello")])["stream"]
    seen = []
    with closing(stream), pytest.raises(Exception, match=r"(?i)prematurely|incomplete|broken"):
        seen.extend(name for event in stream for name in event)
    assert "messageStop" not in seen


def test_an_abandoned_stream_is_still_metered(server):
    server.script({"chunks": ["word "] * 400, "delay_ms": 5, "match": {"contains": "leave me"}})
    runtime = server.client("bedrock-runtime")
    stream = runtime.converse_stream(modelId=NOVA, messages=[user("leave me")])["stream"]
    next(iter(stream))
    stream.close()
    runtime.close()

    def ended():
        call = next(c for c in server.requests() if "leave me" in json.dumps(c["body"]))
        return call if call["finished"] else None

    call = eventually(ended)
    assert call["abandoned"]
    assert call["usage"]["outputTokens"] >= 400


def test_many_streams_run_side_by_side(server, runtime):
    server.script({"chunks": ["a "] * 10, "delay_ms": 20, "times": 40})

    def run(_):
        stream = runtime.converse_stream(modelId=NOVA, messages=[user("hello")])["stream"]
        return sum("contentBlockDelta" in event for event in stream)

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(run, range(40))) == [10] * 40


def test_embeddings_have_the_size_asked_and_unit_length(runtime):
    def embed(**body):
        answer = runtime.invoke_model(modelId="amazon.titan-embed-text-v2:0", body=json.dumps(body))
        return json.loads(answer["body"].read()), answer["ResponseMetadata"]["HTTPHeaders"]

    for size in (256, 512, 1024):
        body, headers = embed(inputText="Working from abroad", dimensions=size)
        assert len(body["embedding"]) == size
        assert sum(x * x for x in body["embedding"]) == pytest.approx(1, abs=1e-4)
        assert headers["x-amzn-bedrock-input-token-count"] == str(body["inputTextTokenCount"])
    body, _ = embed(inputText="hello", embeddingTypes=["binary"])
    assert "embedding" not in body and len(body["embeddingsByType"]["binary"]) == 1024
    with pytest.raises(runtime.exceptions.ValidationException):
        embed(inputText="")
    with pytest.raises(runtime.exceptions.ValidationException):
        embed(inputText="hello", dimensions=300)


def test_cohere_embeds_many_texts_at_once(runtime):
    body = {"texts": ["a cat", "a dog"], "input_type": "search_document", "output_dimension": 512}
    answer = runtime.invoke_model(modelId="cohere.embed-v4:0", body=json.dumps(body))
    vectors = json.loads(answer["body"].read())["embeddings"]
    assert [len(vector) for vector in vectors] == [512, 512]


def test_cohere_v4_reads_inputs_and_refuses_what_it_does_not_know(runtime):
    def asked(**body):
        answer = runtime.invoke_model(modelId="cohere.embed-v4:0", body=json.dumps(body))
        return json.loads(answer["body"].read())

    texts = {"input_type": "search_document", "output_dimension": 512}
    part = {"content": [{"type": "text", "text": "a red door"}]}
    by_input = asked(inputs=[part], embedding_types=["float", "int8"], **texts)["embeddings"]
    by_text = asked(texts=["a red door"], **texts)["embeddings"]
    assert by_input["float"] == by_text
    assert len(by_input["int8"][0]) == 512
    for odd in (
        {"texts": ["x"] * 97},
        {"texts": ["x"], "truncate": "START"},
        {"texts": ["x"], "embedding_types": ["double"]},
        {"texts": ["x"], "output_dimension": 300},
        {"texts": ["x"], "inputs": [part]},
    ):
        with pytest.raises(ClientError) as error:
            asked(**{**texts, **odd})
        assert error.value.response["Error"]["Code"] == "ValidationException"
