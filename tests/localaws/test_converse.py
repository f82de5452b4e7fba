import json
from contextlib import closing

import pytest
from botocore.exceptions import ClientError, EventStreamError
from botocore.validate import ParamValidator

from .conftest import NOVA, said, user

WEATHER = {
    "toolSpec": {
        "name": "get_weather",
        "description": "The current weather in a city",
        "inputSchema": {
            "json": {
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                },
                "required": ["city", "unit"],
            }
        },
    }
}


def events(runtime, **params):
    """The events of a stream, each valid by botocore's model."""
    answer = runtime.converse_stream(**{"modelId": NOVA, "messages": [user("hello")], **params})
    shape = runtime.meta.service_model.operation_model("ConverseStream").output_shape
    union = shape.members["stream"]
    found = []
    for event in answer["stream"]:
        ((name, payload),) = event.items()
        report = ParamValidator().validate(payload, union.members[name])
        assert not report.has_errors(), report.generate_report()
        found.append((name, payload))
    return found


def text_of(found):
    return "".join(p["delta"].get("text", "") for n, p in found if n == "contentBlockDelta")


def test_a_plain_greeting_is_answered_honestly_with_usage(runtime):
    answer = runtime.converse(modelId=NOVA, messages=[user("Hello!")])
    assert answer["stopReason"] == "end_turn"
    assert "local model" in said(answer)
    usage = answer["usage"]
    assert usage["inputTokens"] > 0 and usage["outputTokens"] > 10
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]


def test_a_stream_has_bedrocks_order_of_events_and_the_same_text(runtime):
    found = events(runtime)
    names = [name for name, _ in found]
    assert names[0] == "messageStart"
    assert names[-3:] == ["contentBlockStop", "messageStop", "metadata"]
    assert set(names[1:-3]) == {"contentBlockDelta"}
    whole = runtime.converse(modelId=NOVA, messages=[user("hello")])
    assert text_of(found) == said(whole)
    assert found[-1][1]["usage"] == whole["usage"]


@pytest.mark.parametrize(
    "model_id",
    [
        "us.amazon.nova-pro-v1:0",
        "us.anthropic.claude-sonnet-4-6",
        "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-5",
    ],
)
def test_every_form_of_model_id_is_understood(runtime, model_id):
    assert said(runtime.converse(modelId=model_id, messages=[user("hello")]))


@pytest.mark.parametrize(
    ("model_id", "code"),
    [
        ("no.such-model", "ValidationException"),
        ("anthropic.claude-sonnet-4-6", "ValidationException"),
        ("eu.amazon.nova-lite-v1:0", "ValidationException"),
        ("amazon.titan-embed-text-v2:0", "ValidationException"),
        (
            "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0",
            "ValidationException",
        ),
        (
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl",
            "ResourceNotFoundException",
        ),
        (
            "arn:aws:bedrock:us-east-1:210987654321:application-inference-profile/abcdefghijkl",
            "AccessDeniedException",
        ),
    ],
)
def test_a_model_that_cannot_be_called_is_refused_as_aws_refuses_it(runtime, model_id, code):
    with pytest.raises(ClientError) as refused:
        runtime.converse(modelId=model_id, messages=[user("hello")])
    assert refused.value.response["Error"]["Code"] == code


def test_max_tokens_and_stop_sequences_end_an_answer(runtime):
    short = runtime.converse(
        modelId=NOVA, messages=[user("hello")], inferenceConfig={"maxTokens": 5}
    )
    assert short["stopReason"] == "max_tokens"
    assert short["usage"]["outputTokens"] == 5
    stopped = runtime.converse(
        modelId=NOVA, messages=[user("hello")], inferenceConfig={"stopSequences": ["small"]}
    )
    assert stopped["stopReason"] == "stop_sequence"
    assert said(stopped) == "Hello! I am a "
    streamed = events(runtime, inferenceConfig={"stopSequences": ["small local"]})
    assert text_of(streamed) == "Hello! I am a "


def test_a_conversation_must_begin_with_the_user(runtime):
    with pytest.raises(runtime.exceptions.ValidationException):
        runtime.converse(modelId=NOVA, messages=[{"role": "assistant", "content": [{"text": "x"}]}])
    with pytest.raises(runtime.exceptions.ValidationException):
        runtime.converse(modelId=NOVA, messages=[])


def test_a_matching_tool_is_called_and_its_result_answers(runtime):
    asked = user("What is the weather in Vienna in celsius?")
    answer = runtime.converse(modelId=NOVA, messages=[asked], toolConfig={"tools": [WEATHER]})
    assert answer["stopReason"] == "tool_use"
    (block,) = answer["output"]["message"]["content"]
    assert block["toolUse"]["name"] == "get_weather"
    assert block["toolUse"]["input"] == {"city": "Vienna", "unit": "celsius"}
    result = {"toolUseId": block["toolUse"]["toolUseId"], "content": [{"json": {"celsius": 21}}]}
    after = runtime.converse(
        modelId=NOVA,
        messages=[
            asked,
            answer["output"]["message"],
            {"role": "user", "content": [{"toolResult": result}]},
        ],
        toolConfig={"tools": [WEATHER]},
    )
    assert after["stopReason"] == "end_turn"
    assert "21" in said(after)


def test_a_streamed_tool_call_carries_its_input_as_partial_json(runtime):
    found = events(
        runtime,
        messages=[user("What is the weather in Vienna in celsius?")],
        toolConfig={"tools": [WEATHER]},
    )
    starts = [p for n, p in found if n == "contentBlockStart"]
    assert starts[0]["start"]["toolUse"]["name"] == "get_weather"
    parts = [p["delta"]["toolUse"]["input"] for n, p in found if n == "contentBlockDelta"]
    assert json.loads("".join(parts)) == {"city": "Vienna", "unit": "celsius"}
    assert dict(found)["messageStop"]["stopReason"] == "tool_use"


def test_tool_choice_is_honoured_and_small_talk_calls_no_tool(runtime):
    config = {"tools": [WEATHER]}
    talk = runtime.converse(modelId=NOVA, messages=[user("thank you")], toolConfig=config)
    assert talk["stopReason"] == "end_turn"
    forced = runtime.converse(
        modelId=NOVA, messages=[user("thank you")], toolConfig={**config, "toolChoice": {"any": {}}}
    )
    assert forced["stopReason"] == "tool_use"


def test_a_cached_prefix_is_written_once_and_read_after(runtime):
    long = " ".join(f"Rule {n} says that item {n} is allowed." for n in range(300))
    system = [{"text": long}, {"cachePoint": {"type": "default"}}]
    first = runtime.converse(modelId=NOVA, system=system, messages=[user("hello")])["usage"]
    again = runtime.converse(modelId=NOVA, system=system, messages=[user("hello")])["usage"]
    assert first["cacheWriteInputTokens"] > 1000 and first["cacheReadInputTokens"] == 0
    assert again["cacheReadInputTokens"] == first["cacheWriteInputTokens"]
    assert again["cacheWriteInputTokens"] == 0
    assert first["totalTokens"] == again["totalTokens"]


def test_tokens_are_counted_for_base_models_only(runtime):
    asked = {"converse": {"messages": [user("hello")]}}
    counted = runtime.count_tokens(modelId=NOVA, input=asked)["inputTokens"]
    answered = runtime.converse(modelId=NOVA, messages=[user("hello")])["usage"]["inputTokens"]
    assert counted == answered
    with pytest.raises(runtime.exceptions.ValidationException):
        runtime.count_tokens(modelId="us.amazon.nova-lite-v1:0", input=asked)


def test_an_error_inside_a_stream_is_an_exception_frame(server, runtime):
    server.script(
        {"chunks": ["one ", "two ", "three"], "stream_error": {"after": 2, "message": "slow down"}}
    )
    stream = runtime.converse_stream(modelId=NOVA, messages=[user("hello")])["stream"]
    seen = []
    with closing(stream), pytest.raises(EventStreamError) as failed:
        seen.extend(iter(stream))
    assert failed.value.response["Error"]["Code"] == "throttlingException"
    assert len([e for e in seen if "contentBlockDelta" in e]) == 2


def test_a_stream_that_was_read_leaves_its_connection_to_the_next_call(server):
    runtime = server.client("bedrock-runtime")
    server.script({"chunks": ["word "] * 400, "match": {"contains": "leave me"}})

    def left():
        """The socket's own port that the last call has left open, if any."""
        pool = runtime._endpoint.http_session._manager.connection_from_url(server.url)
        waiting = pool.pool.queue[-1]
        return waiting.sock.getsockname()[1] if waiting and waiting.sock else None

    assert text_of(events(runtime))
    first = left()
    assert first is not None
    assert text_of(events(runtime)) and left() == first
    assert said(runtime.converse(modelId=NOVA, messages=[user("hello")])) and left() == first
    stream = runtime.converse_stream(modelId=NOVA, messages=[user("leave me")])["stream"]
    next(iter(stream))
    stream.close()
    assert left() is None
    server.script({"chunks": ["one ", "two "], "truncate_after": 1})
    with pytest.raises(Exception, match=r"(?i)prematurely|incomplete|broken"):
        events(runtime)
    assert left() is None
    assert text_of(events(runtime)) and left() not in (None, first)
