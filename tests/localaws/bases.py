"""Knowledge Bases for tests: one with a data source, and its documents."""

from __future__ import annotations

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
        eventually(lambda: self.status() == "ACTIVE")
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
        eventually(lambda: set(self.states(*names)) == {"INDEXED"})

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
