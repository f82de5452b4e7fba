"""Knowledge Bases: what is taken in, when it can be found, and what is refused in AWS's words."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.waiting import eventually

from .bases import TEXTS, Base, identifier, refused
from .conftest import Server


@pytest.fixture(scope="module")
def shelf(server: Server) -> Base:
    base = Base(server, "shelf", managed=False)
    base.put({"hotel": TEXTS["hotel"]}, year=2024, draft=True, tags=["travel", "money"])
    base.put({"leave": TEXTS["leave"]}, year=2025, draft=False, tags=["people"])
    base.put({"laptop": TEXTS["laptop"], "visitor": TEXTS["visitor"]})
    base.indexed(*TEXTS)
    return base


@pytest.mark.parametrize("managed", [False, True])
def test_what_was_accepted_is_found_only_once_it_is_indexed_and_gone_only_once_deleted(
    start, managed
):
    first = start(LOCALAWS_KB_DELAY_MS="400")
    base = Base(first, "slow", managed=managed)
    assert base.put(TEXTS) == ["STARTING"] * 4
    assert base.found("hotel in London") == []
    base.indexed(*TEXTS)
    (best, *_) = base.search("hotel in London")
    assert best["content"]["text"] == TEXTS["hotel"]
    assert best["metadata"]["about"] == "hotel"
    assert 0.3 < best["score"] <= 1
    # The old text serves until the new one is indexed.
    base.put({"hotel": "Taxis need a receipt."})
    assert base.search("hotel in London")[0]["content"]["text"] == TEXTS["hotel"]
    base.indexed("hotel")
    texts = [one["content"]["text"] for one in base.search("receipt for a taxi")]
    assert texts[0] == "Taxis need a receipt." and TEXTS["hotel"] not in texts
    answer = base.agent.delete_knowledge_base_documents(
        **base.place, documentIdentifiers=[identifier("hotel"), identifier("never")]
    )
    assert [one["status"] for one in answer["documentDetails"]] == ["DELETING", "NOT_FOUND"]
    assert "hotel" in base.found("receipt for a taxi")
    first.process.kill()
    second = start(LOCALAWS_KB_DELAY_MS="400")
    base.agent = second.client("bedrock-agent")
    base.runtime = second.client("bedrock-agent-runtime")
    eventually(lambda: base.states("hotel") == ["NOT_FOUND"])
    assert set(base.found("receipt for a taxi")) == {"leave", "laptop", "visitor"}


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ({"equals": {"key": "year", "value": 2024}}, {"hotel"}),
        ({"notEquals": {"key": "year", "value": 2024}}, {"leave", "laptop", "visitor"}),
        ({"greaterThan": {"key": "year", "value": 2024}}, {"leave"}),
        ({"greaterThanOrEquals": {"key": "year", "value": 2024}}, {"hotel", "leave"}),
        ({"lessThan": {"key": "year", "value": 2025}}, {"hotel"}),
        ({"lessThanOrEquals": {"key": "year", "value": 2025}}, {"hotel", "leave"}),
        ({"in": {"key": "about", "value": ["hotel", "laptop"]}}, {"hotel", "laptop"}),
        ({"notIn": {"key": "about", "value": ["hotel", "laptop"]}}, {"leave", "visitor"}),
        ({"startsWith": {"key": "about", "value": "l"}}, {"leave", "laptop"}),
        ({"stringContains": {"key": "about", "value": "isit"}}, {"visitor"}),
        ({"stringContains": {"key": "tags", "value": "trav"}}, {"hotel"}),
        ({"listContains": {"key": "tags", "value": "people"}}, {"leave"}),
        ({"equals": {"key": "draft", "value": True}}, {"hotel"}),
        ({"equals": {"key": "draft", "value": 1}}, set()),
        (
            {
                "andAll": [
                    {"notEquals": {"key": "draft", "value": True}},
                    {
                        "orAll": [
                            {"equals": {"key": "about", "value": "hotel"}},
                            {"equals": {"key": "about", "value": "leave"}},
                        ]
                    },
                ]
            },
            {"leave"},
        ),
    ],
)
def test_a_filter_keeps_what_it_names(shelf, condition, matches):
    assert set(shelf.found("rules", filter=condition, numberOfResults=100)) == matches


def test_malformed_filters_are_refused(server, shelf):
    one = {"equals": {"key": "about", "value": "hotel"}}
    for wrong in (
        {"andAll": [one]},
        {"orAll": []},
        {**one, "notEquals": {"key": "about", "value": "leave"}},
        {},
        {"greaterThan": {"key": "year", "value": "2024"}},
        {"startsWith": {"key": "about", "value": 3}},
        {"in": {"key": "about", "value": "hotel"}},
        {"equals": {"key": "about"}},
        {"like": {"key": "about", "value": "hotel"}},
    ):
        body = {
            "retrievalQuery": {"text": "x"},
            "retrievalConfiguration": {"vectorSearchConfiguration": {"filter": wrong}},
        }
        code = _post(server, f"/knowledgebases/{shelf.id}/retrieve", body)
        assert code == (400, "ValidationException"), wrong


def _post(server: Server, path: str, body: Any) -> tuple[int, str]:
    """Post JSON as any client may: botocore would refuse the worst before it is sent."""
    scope = "Credential=local/20260101/us-east-1/bedrock/aws4_request"
    request = urllib.request.Request(  # noqa: S310 - our own loopback
        server.url + path,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"AWS4-HMAC-SHA256 {scope}, Signature=0"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own loopback
            return answer.status, ""
    except urllib.error.HTTPError as error:
        return error.code, error.headers["x-amzn-errortype"]


def test_results_come_in_pages_and_best_first(shelf):
    whole = shelf.search("rules for leave", numberOfResults=100)
    assert [one["score"] for one in whole] == sorted((o["score"] for o in whole), reverse=True)
    given = {"vectorSearchConfiguration": {"numberOfResults": 3}}
    asked = {"knowledgeBaseId": shelf.arn, "retrievalQuery": {"text": "rules for leave"}}
    first = shelf.runtime.retrieve(**asked, retrievalConfiguration=given)
    second = shelf.runtime.retrieve(
        **asked, retrievalConfiguration=given, nextToken=first["nextToken"]
    )
    assert first["retrievalResults"] + second["retrievalResults"] == whole
    assert "nextToken" not in second
    refused("ValidationException", 400, shelf.runtime.retrieve, **asked, nextToken="!!")


def test_each_kind_is_searched_in_its_own_words(server, shelf):
    managed = Base(server, "managed", managed=True)
    query = {"retrievalQuery": {"text": "x"}}
    wrong = [
        (shelf, query, {"managedSearchConfiguration": {}}),
        (managed, query, {"vectorSearchConfiguration": {}}),
        (managed, {"retrievalQuery": {"text": "x" * 10_001}}, {}),
        (shelf, {"retrievalQuery": {"text": " "}}, {}),
        (shelf, {**query, "userContext": {"userId": "a@example.com"}}, {}),
    ]
    for base, asked, given in wrong:
        refused(
            "ValidationException", 400, base.runtime.retrieve,
            knowledgeBaseId=base.id, retrievalConfiguration=given, **asked,
        )  # fmt: skip
    s3 = Base(server, "vectors", managed=False, storage="S3_VECTORS")
    hybrid = {"vectorSearchConfiguration": {"overrideSearchType": "HYBRID"}}
    refused(
        "ValidationException", 400, s3.runtime.retrieve,
        knowledgeBaseId=s3.id, retrievalConfiguration=hybrid, **query,
    )  # fmt: skip
    shelf.runtime.retrieve(knowledgeBaseId=shelf.id, retrievalConfiguration=hybrid, **query)


def test_names_tags_and_what_is_missing(server, shelf):
    agent = shelf.agent
    refused("ConflictException", 409, agent.create_knowledge_base, **shelf.params)
    assert agent.list_tags_for_resource(resourceArn=shelf.arn)["tags"] == {"TenantId": "shelf"}
    agent.tag_resource(resourceArn=shelf.arn, tags={"Plan": "x"})
    agent.untag_resource(resourceArn=shelf.arn, tagKeys=["TenantId"])
    assert agent.list_tags_for_resource(resourceArn=shelf.arn)["tags"] == {"Plan": "x"}
    listed = agent.list_knowledge_bases()["knowledgeBaseSummaries"]
    assert shelf.id in {one["knowledgeBaseId"] for one in listed}
    sources = agent.list_data_sources(knowledgeBaseId=shelf.id)["dataSourceSummaries"]
    assert [one["dataSourceId"] for one in sources] == [shelf.source]
    agent.update_knowledge_base(knowledgeBaseId=shelf.id, **{
        **{k: v for k, v in shelf.params.items() if k != "tags"}, "description": "Told anew",
    })  # fmt: skip
    documents = agent.list_knowledge_base_documents(**shelf.place)["documentDetails"]
    assert {one["identifier"]["custom"]["id"] for one in documents} == set(TEXTS)
    missing = "ABCDEFGHIJ"
    refused("ResourceNotFoundException", 404, agent.get_knowledge_base, knowledgeBaseId=missing)
    refused(
        "ResourceNotFoundException", 404, shelf.runtime.retrieve,
        knowledgeBaseId=missing, retrievalQuery={"text": "x"},
    )  # fmt: skip
    elsewhere = server.client("bedrock-agent", region="eu-central-1")
    refused(
        "ResourceNotFoundException", 404, elsewhere.get_knowledge_base, knowledgeBaseId=shelf.id
    )
    gone = Base(server, "gone", managed=True)
    gone.put({"hotel": TEXTS["hotel"]})
    assert agent.delete_knowledge_base(knowledgeBaseId=gone.id)["status"] == "DELETING"
    refused(
        "ValidationException", 400, gone.runtime.retrieve,
        knowledgeBaseId=gone.id, retrievalQuery={"text": "x"},
    )  # fmt: skip

    def vanished() -> bool:
        try:
            agent.get_knowledge_base(knowledgeBaseId=gone.id)
        except ClientError as error:
            return error.response["Error"]["Code"] == "ResourceNotFoundException"
        return False

    eventually(vanished)


@pytest.mark.parametrize("policy", ["DELETE", "RETAIN"])
def test_a_data_sources_documents_go_with_it_unless_it_retains_them(server, policy):
    base = Base(server, f"sourced-{policy}", managed=False)
    made = base.agent.create_data_source(
        knowledgeBaseId=base.id,
        name="second",
        dataSourceConfiguration={"type": "CUSTOM"},
        dataDeletionPolicy=policy,
        vectorIngestionConfiguration={"chunkingConfiguration": {"chunkingStrategy": "NONE"}},
    )["dataSource"]
    base.place["dataSourceId"] = base.source = made["dataSourceId"]
    assert base.agent.get_data_source(**base.place)["dataSource"] == made
    base.put({"hotel": TEXTS["hotel"]})
    base.indexed("hotel")
    base.agent.delete_data_source(**base.place)
    assert base.found("hotel") == (["hotel"] if policy == "RETAIN" else [])
    refused("ResourceNotFoundException", 404, base.agent.get_data_source, **base.place)
