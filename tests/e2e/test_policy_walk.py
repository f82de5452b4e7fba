"""What was decided for a question is what AWS received; what is masked goes nowhere.

From outside, on the whole running product: answers over REST, the recorded decisions from the
database, and what the local AWS received, stored and logged.
"""

from __future__ import annotations

import gzip
import json
from functools import partial
from typing import Any

import pytest

from tests.e2e.shelf import API, ready
from tests.support.live import LiveStack
from tests.support.waiting import eventually

QUESTIONS = {
    "acme": "What is the hotel limit per night in London?",
    "globex": "Within how many hours must a personal data breach be reported?",
    "initech": "How many days of paid leave do employees have a year?",
}
DECIDED = """
    SELECT operation, region, profile_arn, guardrail_id, guardrail_version, stream_mode
    FROM bedrock_policydecision WHERE request_id = %s ORDER BY call
"""
# Someone whom no demo document mentions.
PII = {
    "email": "leonhard.quandt@example.org",
    "phone": "+49 30 901820 77",
    "iban": "DE89 3704 0044 0532 0130 00",
}
NOTE = f"""# Visit of Tuesday

The patient can be reached at {PII["email"]} or by phone at {PII["phone"]}.
The refund of 84 euros goes to the account {PII["iban"]} within ten working days.
"""


def received(stack: LiveStack, request_id: str) -> list[dict[str, Any]]:
    """Return the calls of a request that the local AWS has served, oldest first."""
    return [
        call
        for call in stack.aws.requests()
        if (call["requestMetadata"] or {}).get("request_id") == request_id
    ]


@pytest.mark.parametrize("slug", QUESTIONS)
@pytest.mark.parametrize("streamed", [False, True], ids=["ask", "assistant"])
def test_what_was_decided_is_what_aws_received(
    live_stack: LiveStack, slug: str, streamed: bool
) -> None:
    with live_stack.http(live_stack.person(slug, "member")) as client:
        if streamed:
            talk = client.post(f"{API}/conversations/", json={}).json()["id"]
            address = f"{API}/conversations/{talk}/messages/"
            answer = client.post(address, json={"text": QUESTIONS[slug]}).json()
        else:
            answer = client.post(f"{API}/ask/", json={"question": QUESTIONS[slug]}).json()
    request_id = answer["request_id"]
    decided = live_stack.sql(DECIDED, request_id)
    texts = [row for row in decided if row[0].startswith("Converse")]
    calls = [
        call
        for call in received(live_stack, request_id)
        if call["operation"].startswith("Converse")
    ]
    assert len(texts) == len(calls) > 0
    for row, call in zip(texts, calls, strict=True):
        sent = call["guardrail"]
        assert row == (
            call["operation"],
            call["region"],
            call["modelId"],
            sent["guardrailIdentifier"],
            sent["guardrailVersion"],
            sent.get("streamProcessingMode") or "",
        )
        assert row[4].isdecimal()
    demo = next(each for each in live_stack.demo["tenants"] if each["slug"] == slug)
    assert {call["region"] for call in received(live_stack, request_id)} == {demo["region"]}


def logged_with(stack: LiveStack, request_id: str) -> str | None:
    """Return what S3 holds besides uploaded files, once the log of the request is there."""
    held = []
    for path in (stack.var / "localaws" / "s3").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            held.append(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
    text = b"\n".join(held).decode("utf-8", "replace").replace(NOTE, "")
    return text if request_id in text else None


def test_what_a_regulated_workspace_masks_never_reaches_a_model_a_log_or_a_batch_file(
    live_stack: LiveStack,
) -> None:
    question = f"How many days until the refund to {PII['iban']}, and does {PII['email']} know?"
    seen: dict[str, list[str]] = {}
    for slug in ("globex", "acme"):
        live_stack.aws.reset()
        with live_stack.http(live_stack.person(slug, "member")) as client:
            ready(client, f"Visit report {slug}.md", NOTE.encode())
            answer = client.post(f"{API}/ask/", json={"question": question})
            assert answer.status_code == 200, answer.text
            request_id = answer.json()["request_id"]
        # ApplyGuardrail is the masking itself: it alone is given what is to be masked.
        served = [
            call for call in live_stack.aws.requests() if call["operation"] != "ApplyGuardrail"
        ]
        assert any(
            (call["requestMetadata"] or {}).get("request_id") == request_id for call in served
        )
        told = json.dumps(served, ensure_ascii=False)
        seen[slug] = [kind for kind, value in PII.items() if value in told]
        if slug == "globex":
            logged = eventually(partial(logged_with, live_stack, request_id)) or ""
            assert [kind for kind, value in PII.items() if value in logged] == []
    assert seen == {"globex": [], "acme": list(PII)}
