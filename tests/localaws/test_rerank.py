"""Rerank: the document that answers comes first, by either operation."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

QUESTION = "What is the hotel limit per night in London?"
DOCUMENTS = [
    "London is the capital of the United Kingdom.",
    "Hotels are booked by the travel desk, never privately.",
    "In London a room may cost at most GBP 190 per night: that is the limit for a hotel there.",
    "Annual leave is thirty days.",
]
COHERE = "cohere.rerank-v3-5:0"
ARN = "arn:aws:bedrock:us-east-1::foundation-model/"


@pytest.fixture
def agents(server):
    return server.client("bedrock-agent-runtime")


def asked(*, documents=DOCUMENTS, model=COHERE, query=QUESTION, queries=1, **given):
    return {
        "queries": [{"type": "TEXT", "textQuery": {"text": query}}] * queries,
        "sources": [
            {
                "type": "INLINE",
                "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": text}},
            }
            for text in documents
        ],
        "rerankingConfiguration": {
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": {
                "modelConfiguration": {"modelArn": ARN + model},
                **given,
            },
        },
    }


def test_the_document_that_answers_comes_first_and_scores_lie_between_0_and_1(server, agents):
    results = agents.rerank(**asked())["results"]
    scores = [one["relevanceScore"] for one in results]
    assert results[0]["index"] == 2 and len(results) == 4
    assert scores == sorted(scores, reverse=True)
    assert 0 <= scores[-1] < 0.3 < 0.7 < scores[0] <= 1
    assert agents.rerank(**asked())["results"] == results
    assert agents.rerank(**asked(numberOfResults=2))["results"] == results[:2]
    many = agents.rerank(**asked(documents=DOCUMENTS * 30, numberOfResults=1))["results"]
    assert many[0]["index"] == 2
    assert [call["usage"] for call in server.requests()][-1] == {"rerankQueries": 2}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"queries": 2}, "ValidationException"),
        ({"documents": ["text"] * 1001}, "ValidationException"),
        ({"model": "cohere.embed-v4:0"}, "ValidationException"),
        ({"model": "amazon.rerank-v1:0"}, "ValidationException"),  # not in this Region
        ({"model": "nobody.rerank"}, "ResourceNotFoundException"),
    ],
)
def test_wrong_requests_are_refused(agents, given, code):
    with pytest.raises(ClientError) as raised:
        agents.rerank(**asked(**given))
    assert raised.value.response["Error"]["Code"] == code


def test_invoke_model_reranks_too(server):
    order = []
    for region, model, more in (
        ("us-east-1", COHERE, {"api_version": 2}),
        ("eu-central-1", "amazon.rerank-v1:0", {}),
    ):
        body = {"query": QUESTION, "documents": DOCUMENTS, "top_n": 3, **more}
        client = server.client("bedrock-runtime", region=region)
        answer = client.invoke_model(modelId=model, body=json.dumps(body))
        results = json.loads(answer["body"].read())["results"]
        assert set(results[0]) == {"index", "relevance_score"}
        order.append([one["index"] for one in results])
        with pytest.raises(ClientError, match="ValidationException"):
            client.invoke_model(modelId=model, body=json.dumps({**body, "documents": []}))
    assert order[0] == order[1] and order[0][0] == 2 and len(order[0]) == 3
