"""Masked workspaces: what leaves them holds no personal data; citations lead to the original."""

import json
from typing import Any
from uuid import uuid4

import pytest

from bedrock import offsets
from bedrock.errors import ModelRefused
from bedrock.gateway import ModelRequest, converse
from billing.models import LedgerEntry
from documents.models import Document, DocumentText, MaskedPart
from documents.tasks import remask
from search.models import Chunk, Posting, Source
from tenants.accounts.models import AuditEvent, Role
from tenants.accounts.services import user_create
from tenants.context import SYSTEM, entered, public_scope
from tenants.registry.models import Tenant
from tests.documents.helpers import ingested, ready, upload
from tests.support.cast import CHARLIE, MAX, PASSWORD, Person
from tests.support.clients import api, browser_of, tenant_of, user_of
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


MASKING = {"operation": "ApplyGuardrail"}


def viewer_of_globex() -> Any:
    """Make a viewer in globex and return their signed-in client."""
    with entered(tenant_of(CHARLIE)):
        user_create(email="vic@globex.example", password=PASSWORD, name="Vic", role=Role.VIEWER)
    person = Person("globex", "Vic", "viewer")
    return browser_of(person)


def regulate(slug: str) -> None:
    """Give a workspace the posture that masks."""
    with public_scope("staff"):
        Tenant.objects.filter(slug=slug).update(posture="regulated")


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


@pytest.fixture
def alone(localaws: LocalAws) -> LocalAws:
    """A local AWS that has heard nothing yet, with nothing masked before in this process."""
    from bedrock import masking, policy

    policy.forget()
    masking.forget()
    return localaws


def test_questions_searches_and_texts_are_masked_before_they_are_sent(alone: LocalAws) -> None:
    ready("Boilers.md", "# Boilers\n\nThe boiler room is examined every 14 days.", CHARLIE)
    said = f"When is the boiler room examined? Ask {', '.join(CANARIES.values())}, Dr. Vera Kanari."
    asked = posted("ask", CHARLIE, question=said)
    assert asked.json()["question_masked"] is True
    assert posted("search", CHARLIE, query=said).json()["results"]
    for task in ("rewrite", "summarize"):
        assert posted("write", CHARLIE, task=task, text=said).status_code == 200
    assert posted("write", CHARLIE, task="draft", instructions=said).status_code == 200
    assert len({call["operation"] for call in others(alone)}) >= 3
    assert held(others(alone)) == set()


def test_the_same_words_reach_the_model_where_nothing_is_masked(alone: LocalAws) -> None:
    ready("Boilers.md", "# Boilers\n\nThe boiler room is examined every 14 days.")
    said = f"When is the boiler room examined? Ask {', '.join(CANARIES.values())}."
    answer = posted("ask", MAX, question=said)
    assert answer.json()["question_masked"] is False
    assert held(others(alone)) == set(CANARIES)


def test_tool_calls_and_results_are_masked(alone: LocalAws) -> None:
    card = 4111111111111111
    messages = [
        {"role": "user", "content": [{"text": f"Find {CANARIES['EMAIL']}"}]},
        {"role": "assistant", "content": [{"toolUse": {
            "toolUseId": "t1", "name": "find",
            "input": {"who": {"mail": CANARIES["EMAIL"], CANARIES["PHONE"]: [card, True, None]}},
        }}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t1", "content": [
            {"json": {"ip": CANARIES["IP_ADDRESS"], "ssn": CANARIES["US_SOCIAL_SECURITY_NUMBER"]}},
            {"text": f"Signed by Dr. {CANARIES['NAME']}"},
        ]}}]},
    ]  # fmt: skip
    tool = {"toolSpec": {"name": "find", "inputSchema": {"json": {"type": "object"}}}}
    with entered(tenant_of(CHARLIE)):
        converse(
            ModelRequest(
                feature="assistant", actor=SYSTEM, request_id=uuid4(), system="Help.",
                messages=messages, max_tokens=100, tools=[tool],
            )
        )  # fmt: skip
    (call,) = alone.requests("Converse")
    assert held([call]) == set()
    assert str(card) not in json.dumps(call)
    sent = call["body"]["messages"][1]["content"][0]["toolUse"]["input"]
    assert sent == {
        "who": {"mail": "{EMAIL}", "{PHONE}": ["{CREDIT_DEBIT_CARD_NUMBER}", True, None]}
    }


def test_content_that_cannot_be_masked_is_not_sent(alone: LocalAws) -> None:
    image = {"image": {"format": "png", "source": {"bytes": b"x"}}}
    with entered(tenant_of(CHARLIE)), pytest.raises(ModelRefused):
        converse(
            ModelRequest(
                feature="assistant", actor=SYSTEM, request_id=uuid4(), system="Help.",
                messages=[{"role": "user", "content": [image]}], max_tokens=100,
            )
        )  # fmt: skip
    assert alone.requests() == []


def test_a_document_that_cannot_be_masked_fails_and_nothing_of_it_is_sent(alone: LocalAws) -> None:
    alone.script(error={"code": "ValidationException", "status": 400}, match=MASKING, times=9)
    document = ingested(upload(NAME, REPORT, CHARLIE).json()["id"], CHARLIE)
    assert (document.status, others(alone)) == ("failed", [])
    assert document.error


def test_a_crash_pays_for_no_part_twice(alone: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offsets, "PART", 2_000)
    pages = [f"Page {number}. Dr. {CANARIES['NAME']} signs. " + "Plain words. " * 60
             for number in range(8)]  # fmt: skip
    answer = upload("Long.md", "\n\n".join(pages), CHARLIE)
    alone.script(
        error={"code": "ThrottlingException", "status": 429},
        match={**MASKING, "contains": "Page 5"},
        times=50,
    )
    waiting = ingested(answer.json()["id"], CHARLIE)
    assert waiting.status == "parsing" and waiting.masking
    with entered(tenant_of(CHARLIE)):
        kept = MaskedPart.objects.filter(document_id=waiting.id).count()
    calls = alone.requests()
    alone.reset()
    document = ingested(waiting.id, CHARLIE)
    calls += alone.requests()
    assert document.status == "ready"
    texts = [
        block["text"]["text"]
        for call in calls
        if call["operation"] == "ApplyGuardrail" and call["status"] == 200
        for block in call["body"]["content"]
    ]
    assert kept >= 2
    assert len(texts) == len(set(texts))
    with entered(tenant_of(CHARLIE)):
        rows = LedgerEntry.objects.filter(feature="ingest", unit="guardrail_pii_units")
        assert rows.count() == len(texts)  # each was asked for by a call of its own
    assert held([call for call in calls if call["operation"] != "ApplyGuardrail"]) == set()


def test_a_stretch_that_the_content_rules_refuse_is_withheld(alone: LocalAws) -> None:
    secret = "The password is Tr0ub4dor&3 for now."
    document = ready(
        "Notes.md", f"First part.\n\n{secret}\n\nDr. {CANARIES['NAME']} left.", CHARLIE
    )
    with entered(tenant_of(CHARLIE)):
        content = DocumentText.objects.get(document_id=document.id)
    assert content.masked == "First part.\n\n{BLOCKED}\n\nDr. {NAME} left."
    assert "Tr0ub4dor" not in json.dumps(others(alone))


def test_only_owners_and_admins_see_the_original_and_it_is_on_record(alone: LocalAws) -> None:
    document = ready(NAME, REPORT, CHARLIE)
    reader = viewer_of_globex()
    page = f"/documents/{document.id}/"
    text = f"/api/v1/documents/{document.id}/text/"
    with entered(tenant_of(CHARLIE)):
        content = DocumentText.objects.get(document_id=document.id)
    start, end = next((s[0], s[1]) for s in content.mask_spans if s[4] == "PHONE")
    answer = reader.get(text, {"start": start - 5, "end": end + 6}).json()
    assert (answer["text"], answer["masked"]) == ("call {PHONE} about", True)
    shown = reader.get(page, {"start": start - 5, "end": end + 6}).content.decode()
    assert "call {PHONE} about</mark>" in shown
    assert not any(canary in shown for kind, canary in CANARIES.items() if kind != "EMAIL")
    refused = [
        reader.get(page, {"unmasked": "1"}), reader.get(f"{page}original/"),
        reader.get(f"{page}segments/0/", {"unmasked": "1"}), reader.get(text, {"unmasked": "true"}),
    ]  # fmt: skip
    assert [answer.status_code for answer in refused] == [403] * 4
    with entered(tenant_of(CHARLIE)):
        assert not AuditEvent.objects.filter(action="document.unmask").exists()
    owner = api(CHARLIE)
    assert (
        owner.get(text, {"start": start, "end": end, "unmasked": "true"}).json()["text"]
        == (CANARIES["PHONE"])
    )
    owner_page = browser_of(CHARLIE)
    opened = owner_page.get(page, {"unmasked": "1", "start": start, "end": end}).content.decode()
    assert f"{CANARIES['PHONE']}</mark>" in opened
    assert owner_page.get(f"{page}original/").getvalue() == REPORT.encode()
    with entered(tenant_of(CHARLIE)):
        rows = AuditEvent.objects.filter(action="document.unmask", object_id=str(document.id))
        assert sorted(row.data["what"] for row in rows) == ["file", "text", "text"]
        assert {row.actor_id for row in rows} == {user_of(CHARLIE).id}


def test_a_workspace_that_begins_to_mask_hides_documents_until_they_are_masked(
    alone: LocalAws,
) -> None:
    document = ready(NAME, REPORT)
    regulate("acme")
    alone.reset()
    assert posted("search", MAX, query="boiler room").json()["results"] == []
    shown = browser_of(MAX).get(f"/documents/{document.id}/")
    assert shown.status_code == 403
    listed = api(MAX).get(f"/api/v1/documents/{document.id}/").json()
    assert (listed["masked"], listed["mask_stale"]) == (False, True)
    with entered(tenant_of(MAX)):
        assert remask(unmasked_only=True) == 1
        assert remask() == 0
    assert ingested(document.id).status == "ready"
    results = posted("search", MAX, query="boiler room").json()["results"]
    assert results and held(others(alone)) == set()
    assert not any(canary in json.dumps(results) for canary in CANARIES.values())
    listed = api(MAX).get(f"/api/v1/documents/{document.id}/").json()
    assert (listed["masked"], listed["mask_stale"]) == (True, False)
    with entered(tenant_of(MAX)):
        Document.objects.filter(id=document.id).update(masked_with="older:1")
    shown = browser_of(MAX).get(f"/documents/{document.id}/").content.decode()
    assert "Masked by older rules" in shown
    assert api(MAX).post(f"/api/v1/documents/{document.id}/retry/").status_code == 200
    assert ingested(document.id).masked_with != "older:1"


def test_a_masked_search_says_why_nothing_was_found(alone: LocalAws) -> None:
    ready(NAME, REPORT, CHARLIE)
    page = browser_of(CHARLIE)
    assert b"data-masked" in page.get("/search/", {"q": CANARIES["PHONE"]}).content
    assert b"data-masked" not in page.get("/search/", {"q": "boiler room"}).content
