"""Knowledge Bases: what is taken in, when it can be found, and what is refused in AWS's words."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.waiting import eventually

from .conftest import Server

TITAN = "arn:aws:bedrock:{}::foundation-model/amazon.titan-embed-text-v2:0"
ROLE = "arn:aws:iam::123456789012:role/kb"
TEXTS = {
    "hotel": "The hotel limit per night in London is GBP 190.",
    "leave": "Every employee has thirty days of annual leave.",
    "laptop": "Laptops are replaced after four years.",
    "visitor": "Visitors sign in at the front desk.",
}


def refused(code: str, status: int, call: Callable[..., Any], **params: Any) -> str:
    """Make a call that AWS refuses with this code, and return its message."""
    with pytest.raises(ClientError) as raised:
        call(**params)
    error = raised.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    return str(error["Error"]["Message"])


class Base:
    """A Knowledge Base with one data source, ACTIVE."""

    def __init__(self, server: Server, name: str, *, managed: bool, storage: str = "RDS") -> None:
        self.agent = server.client("bedrock-agent")
        self.runtime = server.client("bedrock-agent-runtime")
        self.managed = managed
        model = {"embeddingModelArn": TITAN.format("us-east-1")}
        given: dict[str, Any] = {"managedKnowledgeBaseConfiguration": model, "type": "MANAGED"}
        if not managed:
            given = {"vectorKnowledgeBaseConfiguration": model, "type": "VECTOR"}
        self.params: dict[str, Any] = {
            "name": name,
            "roleArn": ROLE,
            "knowledgeBaseConfiguration": given,
            "tags": {"TenantId": name},
            **({} if managed else {"storageConfiguration": {"type": storage}}),
        }
        made = self.agent.create_knowledge_base(**self.params)["knowledgeBase"]
        self.id, self.arn = made["knowledgeBaseId"], made["knowledgeBaseArn"]
        assert made["status"] in ("CREATING", "ACTIVE")
        eventually(lambda: self.status() == "ACTIVE", within=5)
        self.source = self.agent.create_data_source(
            knowledgeBaseId=self.id,
            name="direct",
            dataSourceConfiguration={"type": "CUSTOM"},
            vectorIngestionConfiguration={"chunkingConfiguration": {"chunkingStrategy": "NONE"}},
        )["dataSource"]["dataSourceId"]
        self.place = {"knowledgeBaseId": self.id, "dataSourceId": self.source}

    def status(self) -> str:
        found = self.agent.get_knowledge_base(knowledgeBaseId=self.id)["knowledgeBase"]
        return str(found["status"])

    def put(self, documents: dict[str, str], **metadata: Any) -> list[str]:
        sent = [document(name, text, **metadata) for name, text in documents.items()]
        answer = self.agent.ingest_knowledge_base_documents(**self.place, documents=sent)
        return [detail["status"] for detail in answer["documentDetails"]]

    def states(self, *names: str) -> list[str]:
        answer = self.agent.get_knowledge_base_documents(
            **self.place, documentIdentifiers=[identifier(name) for name in names]
        )
        return [detail["status"] for detail in answer["documentDetails"]]

    def indexed(self, *names: str) -> None:
        eventually(lambda: set(self.states(*names)) == {"INDEXED"}, within=5)

    def search(self, query: str, **given: Any) -> list[dict[str, Any]]:
        kind = "managedSearchConfiguration" if self.managed else "vectorSearchConfiguration"
        answer = self.runtime.retrieve(
            knowledgeBaseId=self.id,
            retrievalQuery={"text": query},
            retrievalConfiguration={kind: given} if given else {kind: {"numberOfResults": 5}},
        )
        return list(answer["retrievalResults"])

    def found(self, query: str, **given: Any) -> list[str]:
        found = self.search(query, **given)
        return [one["location"]["customDocumentLocation"]["id"] for one in found]


def identifier(name: str) -> dict[str, Any]:
    return {"dataSourceType": "CUSTOM", "custom": {"id": name}}


def document(name: str, text: str, **metadata: Any) -> dict[str, Any]:
    kinds = {bool: "BOOLEAN", str: "STRING", int: "NUMBER", list: "STRING_LIST"}
    members = {
        bool: "booleanValue", str: "stringValue", int: "numberValue", list: "stringListValue"
    }  # fmt: skip
    return {
        "content": {
            "dataSourceType": "CUSTOM",
            "custom": {
                "customDocumentIdentifier": {"id": name},
                "sourceType": "IN_LINE",
                "inlineContent": {"type": "TEXT", "textContent": {"data": text}},
            },
        },
        "metadata": {
            "type": "IN_LINE_ATTRIBUTE",
            "inlineAttributes": [
                {"key": key, "value": {"type": kinds[type(v)], members[type(v)]: v}}
                for key, v in {"about": name, **metadata}.items()
            ],
        },
    }


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
    eventually(lambda: base.states("hotel") == ["NOT_FOUND"], within=5)
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
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own loopback
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

    eventually(vanished, within=5)


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


def test_a_reset_forgets_the_calls_that_limits_counted(server, shelf):
    def delete() -> str:
        names = [identifier("never")]
        try:
            shelf.agent.delete_knowledge_base_documents(**shelf.place, documentIdentifiers=names)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "done"

    assert "ThrottlingException" in (delete() for _ in range(100))
    server.post("reset", None)
    assert delete() == "done"


def test_an_account_has_a_hundred_classic_ones_and_managed_ones_beside_them(start):
    server = start(LOCALAWS_KB_DELAY_MS="0")
    base = Base(server, "first", managed=False)
    for number in range(99):
        base.agent.create_knowledge_base(**{**base.params, "name": f"more-{number}"})
    full = {**base.params, "name": "one-too-many"}
    refused("ServiceQuotaExceededException", 402, base.agent.create_knowledge_base, **full)
    Base(server, "managed", managed=True)


def test_ten_calls_change_documents_at_once_and_five_start_in_a_second(start):
    server = start()
    bases = [Base(server, f"base-{number}", managed=True) for number in range(2)]
    server.script({
        "match": {"operation": "IngestKnowledgeBaseDocuments"}, "times": 5, "first_delay_ms": 1500
    }, {
        "match": {"operation": "DeleteKnowledgeBaseDocuments"}, "times": 5, "first_delay_ms": 1500
    })  # fmt: skip
    outcomes: list[str] = []

    def change(base: Base, delete: bool) -> None:
        try:
            if delete:
                base.agent.delete_knowledge_base_documents(
                    **base.place, documentIdentifiers=[identifier("x")]
                )
            else:
                base.put({"x": "text"})
            outcomes.append("done")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [
        threading.Thread(target=change, args=(bases[n % 4 // 2], n % 2 == 1)) for n in range(10)
    ] + [threading.Thread(target=change, args=(bases[0], False)) for _ in range(1)]
    for thread in threads[:10]:
        thread.start()
    eventually(lambda: len(server.requests()) >= 10, within=5)
    threads[10].start()
    threads[10].join()
    assert outcomes == ["ValidationException"]
    for thread in threads[:10]:
        thread.join()
    assert outcomes[1:] == ["done"] * 10
    codes = []
    for _ in range(7):
        try:
            bases[0].put({"x": "text"})
            codes.append("done")
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])
    assert "ThrottlingException" in codes


def test_documents_that_cannot_be_taken_are_refused_or_fail(server, shelf):
    ingest = shelf.agent.ingest_knowledge_base_documents
    one = document("x", "text")
    bad_metadata = {"type": "S3_LOCATION", "s3Location": {"uri": "s3://bucket/key"}}
    twice = document("x", "text")
    twice["metadata"]["inlineAttributes"] *= 2
    for wrong in (
        {**one, "metadata": bad_metadata},
        twice,
        {"content": {"dataSourceType": "S3", "s3": {"s3Location": {"uri": "s3://bucket/key"}}}},
    ):
        refused("ValidationException", 400, ingest, **shelf.place, documents=[wrong])
    eleven = [document(str(number), "text") for number in range(11)]
    message = refused("ValidationException", 400, ingest, **shelf.place, documents=eleven)
    assert "documents" in message
    base = Base(server, "long", managed=False)
    base.put({"long": "word " * 11_000})
    assert base.states("long") == ["FAILED"]
