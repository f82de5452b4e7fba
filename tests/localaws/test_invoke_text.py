"""Text models by their own bodies: InvokeModel and its stream say what Converse says."""

import json

import pytest
from botocore.exceptions import ClientError

from .conftest import NOVA, said, user

CLAUDE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
WEATHER = {
    "name": "get_weather",
    "description": "The current weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def claude(text="hello", **members):
    return {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 200,
        "messages": [{"role": "user", "content": text}],
        **members,
    }


def whole(runtime, body, model=CLAUDE, **params):
    answer = runtime.invoke_model(modelId=model, body=json.dumps(body), **params)
    return json.loads(answer["body"].read()), answer


def streamed(runtime, body, model=CLAUDE, **params):
    answer = runtime.invoke_model_with_response_stream(
        modelId=model, body=json.dumps(body), **params
    )
    assert answer["contentType"] == "application/json"
    return [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]


def test_a_messages_body_is_answered_as_converse_answers_it(runtime):
    message, answer = whole(runtime, claude("Hello!", system="Be kind."))
    conversation = runtime.converse(
        modelId=CLAUDE,
        messages=[user("Hello!")],
        system=[{"text": "Be kind."}],
        inferenceConfig={"maxTokens": 200},
    )
    assert message["type"] == "message" and message["role"] == "assistant"
    assert message["model"] == "claude-haiku-4-5-20251001"
    assert "".join(block["text"] for block in message["content"]) == said(conversation)
    assert message["stop_reason"] == "end_turn"
    usage = conversation["usage"]
    assert message["usage"]["input_tokens"] == usage["inputTokens"]
    assert message["usage"]["output_tokens"] == usage["outputTokens"]
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-bedrock-output-token-count"] == str(usage["outputTokens"])


def test_a_messages_stream_has_anthropics_events_in_order(runtime):
    events = streamed(runtime, claude())
    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
    text = "".join(event["delta"]["text"] for event in events[2:-3])
    assert text == whole(runtime, claude())[0]["content"][0]["text"]
    counted = events[-1]["amazon-bedrock-invocationMetrics"]
    assert counted["outputTokenCount"] == events[-2]["usage"]["output_tokens"] > 0
    assert counted["inputTokenCount"] == events[0]["message"]["usage"]["input_tokens"] > 0


def test_a_tool_is_called_and_its_result_answered_in_both_forms(runtime, server):
    server.script({"tool_use": {"name": "get_weather", "input": {"city": "Vienna"}}, "times": 2})
    first, _ = whole(runtime, claude("Weather in Vienna?", tools=[WEATHER]))
    (use,) = first["content"]
    assert first["stop_reason"] == "tool_use"
    assert (use["type"], use["name"]) == ("tool_use", "get_weather")
    assert use["input"] == {"city": "Vienna"}
    events = streamed(runtime, claude("Weather in Vienna?", tools=[WEATHER]))
    starts = [event for event in events if event["type"] == "content_block_start"]
    assert starts[0]["content_block"]["name"] == "get_weather"
    parts = [e["delta"]["partial_json"] for e in events if e["type"] == "content_block_delta"]
    assert json.loads("".join(parts)) == {"city": "Vienna"}
    server.script({"text": "It is 21 degrees.", "match": {"contains": "21 degrees in Vienna"}})
    result = {"type": "tool_result", "tool_use_id": use["id"], "content": "21 degrees in Vienna"}
    turns = [
        {"role": "user", "content": "Weather in Vienna?"},
        {"role": "assistant", "content": first["content"]},
        {"role": "user", "content": [result]},
    ]
    second, _ = whole(runtime, claude(tools=[WEATHER], messages=turns))
    assert second["content"] == [{"type": "text", "text": "It is 21 degrees."}]


def test_novas_own_body_is_converses_without_the_model(runtime):
    body = {"messages": [user("Hello!")], "inferenceConfig": {"max_new_tokens": 200}}
    answer, _ = whole(runtime, body, NOVA)
    assert said(answer) == said(runtime.converse(modelId=NOVA, messages=[user("Hello!")]))
    events = streamed(runtime, body, NOVA)
    assert list(events[0]) == ["messageStart"] and list(events[-2]) == ["messageStop"]
    counted = events[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"]
    assert counted == events[-1]["metadata"]["usage"]["outputTokens"] > 0


def test_a_guardrail_in_the_headers_masks_and_says_so(runtime, bedrock, server):
    made = bedrock.create_guardrail(
        name="native",
        blockedInputMessaging="No.",
        blockedOutputsMessaging="No.",
        sensitiveInformationPolicyConfig={
            "piiEntitiesConfig": [{"type": "EMAIL", "action": "ANONYMIZE"}]
        },
    )
    guard = {
        "guardrailIdentifier": made["guardrailId"],
        "guardrailVersion": "DRAFT",
        "trace": "ENABLED",
    }
    server.script({"text": "Write to mia@example.com now.", "times": 2})
    message, _ = whole(runtime, claude(), **guard)
    assert message["amazon-bedrock-guardrailAction"] == "INTERVENED"
    assert "{EMAIL}" in message["content"][0]["text"]
    assert message["amazon-bedrock-trace"]["guardrail"]
    events = streamed(runtime, claude(), **guard)
    deltas = "".join(e["delta"]["text"] for e in events if e["type"] == "content_block_delta")
    assert "mia@example.com" not in deltas and "{EMAIL}" in deltas
    assert events[-1]["amazon-bedrock-guardrailAction"] == "INTERVENED"


@pytest.mark.parametrize(
    ("model", "body", "words"),
    [
        (CLAUDE, b"{", "Malformed input request"),
        (CLAUDE, b"[]", "Malformed input request"),
        (CLAUDE, json.dumps({**claude(), "anthropic_version": "1"}), "anthropic_version"),
        (CLAUDE, json.dumps({**claude(), "max_tokens": None}), "max_tokens: Field required"),
        (CLAUDE, json.dumps(claude(max_new=1)), "max_new: Extra inputs are not permitted"),
        (CLAUDE, json.dumps(claude(messages=[{"role": "user"}])), "lacks a member"),
        (CLAUDE, json.dumps(claude([{"type": "audio"}])), "blocks of type audio"),
        (CLAUDE, json.dumps(claude([{"type": "text", "text": 1}])), "Malformed input request"),
        (NOVA, json.dumps({"messages": [user("hi")], "odd": 1}), "extraneous key [odd]"),
        (NOVA, json.dumps({"messages": "hi"}), "Malformed input request"),
        ("amazon.titan-embed-text-v2:0", json.dumps({"inputText": "a"}), "unsupported"),
    ],
)
def test_a_malformed_body_is_refused_with_bedrocks_error(runtime, model, body, words):
    with pytest.raises(ClientError) as raised:
        runtime.invoke_model_with_response_stream(modelId=model, body=body)
    assert raised.value.response["Error"]["Code"] == "ValidationException"
    assert words in raised.value.response["Error"]["Message"]
