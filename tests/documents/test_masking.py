"""Masked workspaces: what leaves them holds no personal data; citations lead to the original."""

import json
from typing import Any

import pytest

from documents.models import DocumentText, MaskedPart
from search.models import Chunk, Posting, Source
from tenants.context import entered
from tests.documents.helpers import ready
from tests.support.cast import CHARLIE, MAX, Person
from tests.support.clients import api, tenant_of
from tests.support.localaws import LocalAws

pytestmark = pytest.mark.django_db

# One of each kind; none of it may be met outside the workspace's own tables and the mask's call.
CANARIES = {
    "EMAIL": "vera.canary@example.com",
    "PHONE": "+49 30 5550 1234",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": "DE89 3704 0044 0532 0130 00",
    "CREDIT_DEBIT_CARD_NUMBER": "4111 1111 1111 1111",
    "US_SOCIAL_SECURITY_NUMBER": "536-90-4399",
    "IP_ADDRESS": "203.0.113.77",
    "NAME": "Vera Kanari",
}
REPORT = """# Visit of Dr. {NAME}

\U0001f642 The visit took place on Tuesday. Dr. {NAME} examined the boiler room for 45 minutes.

Write to {EMAIL} or call {PHONE} about the report. The fee of 320 euros is paid to account \
{INTERNATIONAL_BANK_ACCOUNT_NUMBER} within 14 days. {NAME} signed.

| Item | Value |
| --- | --- |
| Card on file | {CREDIT_DEBIT_CARD_NUMBER} |
| Social security | {US_SOCIAL_SECURITY_NUMBER} |
| Gateway of the sensor | {IP_ADDRESS} |

The placeholder {{EMAIL}} stands in the template of the letter.
""".format(**CANARIES)
NAME = f"Report to {CANARIES['EMAIL']}.md"


def held(calls: list[dict[str, Any]]) -> set[str]:
    """Return the kinds whose canary any of the calls holds."""
    said = json.dumps(calls, ensure_ascii=False)
    return {kind for kind, canary in CANARIES.items() if canary in said}


def others(localaws: LocalAws) -> list[dict[str, Any]]:
    """Return the calls that are not the mask's own."""
    return [call for call in localaws.requests() if call["operation"] != "ApplyGuardrail"]


def posted(path: str, person: Person, **body: Any) -> Any:
    return api(person).post(f"/api/v1/{path}/", json.dumps(body), content_type="application/json")


def test_a_document_is_masked_before_it_is_embedded(localaws: LocalAws) -> None:
    document = ready(NAME, REPORT, CHARLIE)
    assert others(localaws)
    assert held(others(localaws)) == set()
    # One call for the text, and one for its names unless this process has masked them before.
    assert 1 <= len(localaws.requests("ApplyGuardrail")) <= 2
    with entered(tenant_of(CHARLIE)):
        content = DocumentText.objects.get(document_id=document.id)
        source = Source.objects.get(id=document.id)
        chunks = list(Chunk.objects.filter(source_id=document.id))
        terms = set(Posting.objects.filter(source_id=document.id).values_list("term", flat=True))
        assert not MaskedPart.objects.exists()
    assert source.name == "Report to {EMAIL}"
    said = " ".join([chunk.heading + chunk.text for chunk in chunks])
    assert not any(canary in said for canary in CANARIES.values())
    assert not {"vera", "canari", "kanari"} & {term[:6] for term in terms}
    assert content.masked is not None and "{EMAIL} stands" in content.masked
    for start, end, first, last, kind in content.mask_spans:
        assert content.masked[first:last] == f"{{{kind}}}"
        assert content.text[start:end] in CANARIES.values()
    assert {span[4] for span in content.mask_spans} == set(CANARIES)
    assert document.masked_with.split(":")[1].isdecimal()
    assert CANARIES["NAME"] not in document.title


def test_an_unmasked_workspace_sends_documents_as_they_are(localaws: LocalAws) -> None:
    document = ready(NAME, REPORT)
    assert held(others(localaws)) == set(CANARIES)
    assert localaws.requests("ApplyGuardrail") == []
    with entered(tenant_of(MAX)):
        assert DocumentText.objects.get(document_id=document.id).masked is None


def test_a_citation_quotes_the_masked_text_and_leads_to_the_original(localaws: LocalAws) -> None:
    document = ready(NAME, REPORT, CHARLIE)
    for question in (
        "What is paid to the account within 14 days?",
        "How long was the boiler room examined?",
    ):
        answer = posted("ask", CHARLIE, question=question).json()
        assert answer["citations"], answer
        with entered(tenant_of(CHARLIE)):
            content = DocumentText.objects.get(document_id=document.id)
        for citation in answer["citations"]:
            original = content.text[citation["start"] : citation["end"]]
            for start, end, *_, kind in reversed(content.mask_spans):
                original = original.replace(content.text[start:end], f"{{{kind}}}")
            assert citation["quote"] == original
            assert citation["quote"] in (content.masked or "")
            assert citation["document_name"] == "Report to {EMAIL}"
    assert held(others(localaws)) == set()
