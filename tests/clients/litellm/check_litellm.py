"""LiteLLM's Bedrock provider, without its proxy."""

from __future__ import annotations

import json

import boto3
import litellm
import pytest
from support import CLAUDE, NOVA, SCHEMA, TITAN, quickstart, script

MODEL = f"bedrock/converse/{NOVA}"
HELLO = [{"role": "user", "content": "Hello!"}]
TOOLS = [
    {
        "type": "function",
        "function": {"name": "weather", "description": "Weather", "parameters": SCHEMA},
    }
]


def test_the_quickstart_prints_an_answer():
    assert "local model" in quickstart(__file__)


def test_a_completion_has_text_and_usage():
    answer = litellm.completion(
        model=MODEL,
        messages=[{"role": "system", "content": "Be kind."}, *HELLO],
        max_tokens=200,
        temperature=0.2,
        stop=["never said"],
    )
    assert "local model" in answer.choices[0].message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_claude_by_its_own_body_answers_and_streams():
    claude = {"model": f"bedrock/invoke/{CLAUDE}", "messages": HELLO, "max_tokens": 200}
    answer = litellm.completion(**claude)
    text = answer.choices[0].message.content
    assert "local model" in text
    assert answer.usage.completion_tokens > 0
    chunks = litellm.completion(**claude, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == text


def test_a_tool_is_called_and_its_result_answered():
    script(tool_use={"name": "weather", "input": {"city": "Vienna"}})
    first = litellm.completion(model=MODEL, messages=HELLO, tools=TOOLS, tool_choice="required")
    (call,) = first.choices[0].message.tool_calls
    assert json.loads(call.function.arguments) == {"city": "Vienna"}
    script(text="It is 21 degrees.")
    result = {"role": "tool", "tool_call_id": call.id, "content": '{"celsius": 21}'}
    messages = [*HELLO, first.choices[0].message.model_dump(), result]
    second = litellm.completion(model=MODEL, messages=messages, tools=TOOLS)
    assert second.choices[0].message.content == "It is 21 degrees."


def test_a_streamed_tool_call_and_its_usage_arrive():
    script(tool_use={"name": "weather", "input": {"city": "Vienna"}})
    stream = litellm.completion(
        model=MODEL,
        messages=HELLO,
        tools=TOOLS,
        stream=True,
        stream_options={"include_usage": True},
    )
    whole = litellm.stream_chunk_builder(list(stream), messages=HELLO)
    (call,) = whole.choices[0].message.tool_calls
    assert json.loads(call.function.arguments) == {"city": "Vienna"}
    assert whole.usage.total_tokens > 0


def test_errors_have_litellms_classes():
    with pytest.raises(litellm.BadRequestError):
        litellm.completion(model="bedrock/converse/no.such-model", messages=HELLO)
    script(error={"code": "ThrottlingException"})
    with pytest.raises(litellm.RateLimitError):
        litellm.completion(model=MODEL, messages=HELLO, num_retries=0, max_retries=0)
    script(error={"code": "ServiceUnavailableException", "message": "Busy."})
    with pytest.raises(litellm.ServiceUnavailableError):
        litellm.completion(model=MODEL, messages=HELLO, num_retries=0, max_retries=0)


def test_a_guardrail_intervenes():
    made = boto3.client("bedrock").create_guardrail(
        name="litellm",
        blockedInputMessaging="That is not for here.",
        blockedOutputsMessaging="That is not for here.",
        wordPolicyConfig={"wordsConfig": [{"text": "bluebird"}]},
    )
    answer = litellm.completion(
        model=MODEL,
        messages=[{"role": "user", "content": "What is Bluebird?"}],
        guardrailConfig={
            "guardrailIdentifier": made["guardrailId"],
            "guardrailVersion": "DRAFT",
            "trace": "enabled",
        },
    )
    assert answer.choices[0].message.content == "That is not for here."
    assert answer.choices[0].finish_reason == "content_filter"


def test_texts_are_embedded_by_titan_and_cohere():
    titan = litellm.embedding(model=f"bedrock/{TITAN}", input=["a hotel"], dimensions=512)
    assert len(titan.data[0]["embedding"]) == 512
    cohere = litellm.embedding(model="bedrock/cohere.embed-multilingual-v3", input=["a", "b"])
    assert len(cohere.data) == 2


def test_documents_are_reranked():
    model = "bedrock/arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0"
    documents = ["Laptops are replaced after four years.", "A hotel costs at most GBP 190 a night."]
    ranked = litellm.rerank(model=model, query="hotel limit", documents=documents, top_n=2)
    assert [row["index"] for row in ranked.results] == [1, 0]
