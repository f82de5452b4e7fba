"""Knowledge Bases within the account's quotas, and what they refuse."""

from __future__ import annotations

import threading

import pytest
from botocore.exceptions import ClientError

from tests.support.waiting import eventually

from .bases import TEXTS, Base, document, identifier, refused
from .conftest import Server


@pytest.fixture(scope="module")
def shelf(server: Server) -> Base:
    base = Base(server, "shelf-of-limits", managed=False)
    base.put({"hotel": TEXTS["hotel"]}, year=2024, draft=True, tags=["travel", "money"])
    base.put({"leave": TEXTS["leave"]}, year=2025, draft=False, tags=["people"])
    base.put({"laptop": TEXTS["laptop"], "visitor": TEXTS["visitor"]})
    base.indexed(*TEXTS)
    return base


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
        "match": {"operation": "IngestKnowledgeBaseDocuments"}, "times": 5, "first_delay_ms": 5000
    }, {
        "match": {"operation": "DeleteKnowledgeBaseDocuments"}, "times": 5, "first_delay_ms": 5000
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
    eventually(lambda: len(server.requests()) >= 10)
    threads[10].start()
    threads[10].join()
    assert outcomes == ["ValidationException"]
    for thread in threads[:10]:
        thread.join()
    assert outcomes[1:] == ["done"] * 10

    def again() -> str:
        try:
            bases[0].put({"x": "text"})
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "done"

    assert "ThrottlingException" in (again() for _ in range(100))


def test_documents_that_cannot_be_taken_are_refused_or_fail(server, shelf):
    server.post("reset", None)  # the calls before count against five a second
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
