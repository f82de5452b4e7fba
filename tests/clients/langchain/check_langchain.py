"""langchain-aws: chat, tools, embeddings, Knowledge Bases and reranking."""

from __future__ import annotations

import time

import boto3
import pytest
from botocore.exceptions import ClientError
from langchain_aws import (
    AmazonKnowledgeBasesRetriever,
    BedrockEmbeddings,
    BedrockRerank,
    ChatBedrock,
    ChatBedrockConverse,
)
from langchain_core.documents import Document
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from support import CLAUDE, NOVA, TITAN, quickstart, script

REGION = "us-east-1"
TITAN_ARN = f"arn:aws:bedrock:{REGION}::foundation-model/{TITAN}"


@tool
def weather(city: str) -> str:
    """The current weather in a city."""
    return f"21 degrees in {city}"


@pytest.fixture(scope="module")
def model():
    return ChatBedrockConverse(model=NOVA, region_name=REGION, max_tokens=200)


def test_the_quickstart_prints_an_answer():
    assert "local model" in quickstart(__file__)


def test_a_chat_has_text_and_usage(model):
    answer = model.invoke([SystemMessage("Be kind."), HumanMessage("Hello!")])
    assert "local model" in answer.text
    assert answer.usage_metadata["total_tokens"] > 0


def test_a_bound_tool_is_called_and_its_result_answered(model):
    bound = model.bind_tools([weather], tool_choice="any")
    script(tool_use={"name": "weather", "input": {"city": "Vienna"}})
    question = HumanMessage("What is it like in Vienna?")
    first = bound.invoke([question])
    (call,) = first.tool_calls
    assert call["args"] == {"city": "Vienna"}
    script(text="It is 21 degrees.")
    result = ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
    assert bound.invoke([question, first, result]).text == "It is 21 degrees."


def test_claude_by_its_own_body_answers_streams_and_calls_tools():
    claude = ChatBedrock(model=CLAUDE, region_name=REGION, model_kwargs={"max_tokens": 200})
    answer = claude.invoke([SystemMessage("Be kind."), HumanMessage("Hello!")])
    assert "local model" in answer.text
    assert answer.usage_metadata["output_tokens"] > 0
    assert "".join(chunk.text for chunk in claude.stream("Hello!")) == answer.text
    script(tool_use={"name": "weather", "input": {"city": "Vienna"}})
    (call,) = claude.bind_tools([weather]).invoke("What is it like in Vienna?").tool_calls
    assert call["args"] == {"city": "Vienna"}


def test_a_streamed_tool_call_is_put_together(model):
    script(text="Let me see.", tool_use={"name": "weather", "input": {"city": "Vienna"}})
    chunks = list(model.bind_tools([weather]).stream("Weather in Vienna?"))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.text == "Let me see."
    assert whole.tool_calls[0]["args"] == {"city": "Vienna"}
    assert whole.usage_metadata["total_tokens"] > 0


def test_an_error_keeps_its_code(model):
    with pytest.raises(ClientError) as refused:
        ChatBedrockConverse(model="no.such-model", provider="amazon", region_name=REGION).invoke(
            "Hello!"
        )
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_texts_are_embedded():
    embeddings = BedrockEmbeddings(model_id=TITAN, region_name=REGION)
    hotel, bed, law = embeddings.embed_documents(["a hotel", "a hotel room", "the tax law"])
    assert len(hotel) == 1024

    def closeness(other):
        return sum(a * b for a, b in zip(hotel, other, strict=True))

    assert closeness(bed) > closeness(law)


def test_documents_are_reranked():
    arn = f"arn:aws:bedrock:{REGION}::foundation-model/cohere.rerank-v3-5:0"
    ranker = BedrockRerank(model_arn=arn, region_name=REGION, top_n=1)
    documents = [
        Document("Laptops are replaced after four years."),
        Document("A hotel costs at most GBP 190 a night."),
    ]
    (best,) = ranker.compress_documents(documents, "hotel limit")
    assert best.page_content == documents[1].page_content


def test_a_knowledge_base_is_retrieved_from():
    agent = boto3.client("bedrock-agent", region_name=REGION)
    base = agent.create_knowledge_base(
        name="langchain",
        roleArn="arn:aws:iam::123456789012:role/kb",
        knowledgeBaseConfiguration={
            "type": "VECTOR",
            "vectorKnowledgeBaseConfiguration": {"embeddingModelArn": TITAN_ARN},
        },
        storageConfiguration={"type": "RDS", "rdsConfiguration": STORAGE},
    )["knowledgeBase"]["knowledgeBaseId"]
    wait(lambda: agent.get_knowledge_base(knowledgeBaseId=base)["knowledgeBase"]["status"])
    source = agent.create_data_source(
        knowledgeBaseId=base,
        name="texts",
        dataSourceConfiguration={"type": "CUSTOM"},
        vectorIngestionConfiguration={"chunkingConfiguration": {"chunkingStrategy": "NONE"}},
    )["dataSource"]["dataSourceId"]
    custom = {
        "customDocumentIdentifier": {"id": "hotel"},
        "sourceType": "IN_LINE",
        "inlineContent": {
            "type": "TEXT",
            "textContent": {"data": "The hotel limit in London is GBP 190."},
        },
    }
    known = {"knowledgeBaseId": base, "dataSourceId": source}
    agent.ingest_knowledge_base_documents(
        **known, documents=[{"content": {"dataSourceType": "CUSTOM", "custom": custom}}]
    )
    name = [{"dataSourceType": "CUSTOM", "custom": {"id": "hotel"}}]
    wait(
        lambda: agent.get_knowledge_base_documents(**known, documentIdentifiers=name)[
            "documentDetails"
        ][0]["status"]
    )
    retriever = AmazonKnowledgeBasesRetriever(
        knowledge_base_id=base,
        region_name=REGION,
        retrieval_config={"vectorSearchConfiguration": {"numberOfResults": 2}},
    )
    (found,) = retriever.invoke("hotel limit in London")
    assert "GBP 190" in found.page_content


STORAGE = {
    "resourceArn": f"arn:aws:rds:{REGION}:123456789012:cluster:vectors",
    "credentialsSecretArn": f"arn:aws:secretsmanager:{REGION}:123456789012:secret:vectors",
    "databaseName": "vectors",
    "tableName": "vectors",
    "fieldMapping": {
        "primaryKeyField": "id",
        "vectorField": "embedding",
        "textField": "chunks",
        "metadataField": "metadata",
    },
}


def wait(status):
    """Until a resource is ready, as a user of the service would wait."""
    until = time.monotonic() + 20
    while status() not in ("ACTIVE", "INDEXED"):
        assert time.monotonic() < until
        time.sleep(0.1)
