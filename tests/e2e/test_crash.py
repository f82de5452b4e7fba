"""kill -9 of each part in the middle of work: it comes back, and nothing is lost, doubled or owed.

Each part dies once while documents are being read and once while an answer is being written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID, uuid4

import httpx
import psutil
import pytest

from tests.e2e.books import balance
from tests.e2e.shelf import API, ended, ready, uploaded
from tests.e2e.talking import ENDS, talking, text_of
from tests.support.files import docx, long_pdf, prose
from tests.support.live import DemoPerson, LiveStack
from tests.support.waiting import eventually

PARTS = ("web", "worker", "redis", "postgres")
BACK_WITHIN = 30  # seconds for the supervisor and the part itself
RECOVERED_WITHIN = 75  # a dead worker's lease, and the period of the task that looks for it
TOLD_WITHIN = 40  # a dead web process's lease, and the period of the task that looks for it
FILES: Mapping[str, bytes] = {
    "manual.pdf": long_pdf(12, {5: "The sluice of Hallvard lock opens twice a day."}),
    "letter.docx": docx([prose(number) for number in range(20, 26)], heading="A letter"),
    "notes.txt": "\n\n".join(prose(number) for number in range(40, 48)).encode(),
}
WORDS = [f"word{number} " for number in range(40)]
CHUNKS = """
    SELECT document.name, document.status, count(chunk.number), count(DISTINCT chunk.ordinal),
           min(chunk.ordinal), max(chunk.ordinal)
      FROM {schema}.documents_document AS document
      LEFT JOIN {schema}.search_chunk AS chunk ON chunk.source_id = document.id
     WHERE document.name LIKE %s GROUP BY document.id ORDER BY document.name
"""
STAGED = "SELECT count(*) FROM {schema}.documents_stagedbatch"


@pytest.fixture(scope="module")
def person(live_stack: LiveStack) -> DemoPerson:
    return live_stack.person("acme", "owner")


@pytest.fixture(scope="module")
def tenant_id(live_stack: LiveStack) -> UUID:
    [(found,)] = live_stack.sql("SELECT id FROM registry_tenant WHERE slug = 'acme'")
    return UUID(str(found))


@pytest.fixture(scope="module")
def undisturbed(live_stack: LiveStack, person: DemoPerson) -> dict[str, int]:
    """The passages that each file has when nothing happens meanwhile."""
    with live_stack.http(person) as client:
        return {
            name: ready(client, f"undisturbed {name}", content)["chunks"]
            for name, content in FILES.items()
        }


@pytest.fixture
def client(live_stack: LiveStack, person: DemoPerson) -> Iterator[httpx.Client]:
    live_stack.aws.reset()
    with live_stack.http(person) as client:
        yield client
    live_stack.aws.reset()


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_dies_while_documents_are_read_loses_and_doubles_nothing(
    live_stack: LiveStack,
    client: httpx.Client,
    undisturbed: dict[str, int],
    tenant_id: UUID,
    part: str,
) -> None:
    live_stack.aws.script(match={"operation": "InvokeModel"}, first_delay_ms=1500, times=16)
    run = f"{part} {uuid4().hex[:6]}"
    sent = {name: uploaded(client, f"{run} {name}", FILES[name]) for name in FILES}
    eventually(lambda: _under_way(live_stack), saying="no document was being embedded")
    _kill(live_stack, part)
    for document_id in sent.values():
        document = ended(client, document_id, RECOVERED_WITHIN)
        assert document["status"] == "ready", document
    schema = f"t_{tenant_id.hex}"
    found = live_stack.sql(CHUNKS.format(schema=schema), f"{run} %")
    wanted = [
        (f"{run} {name}", "ready", count, count, 0, count - 1)
        for name, count in sorted(undisturbed.items())
    ]
    assert found == wanted
    assert live_stack.sql(STAGED.format(schema=schema)) == [(0,)]
    question = {"question": "How often does the sluice of Hallvard lock open?"}
    asked = question | {"document_ids": [sent["manual.pdf"]]}
    assert "twice a day" in client.post(f"{API}/ask/", json=asked).json()["answer"]
    balance(live_stack, tenant_id).check()


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_dies_while_an_answer_is_written_leaves_it_whole_or_marked(
    live_stack: LiveStack, person: DemoPerson, client: httpx.Client, tenant_id: UUID, part: str
) -> None:
    live_stack.aws.script(match={"operation": "ConverseStream"}, chunks=WORDS, delay_ms=100)
    conversation = client.post(f"{API}/conversations/", json={}).json()["id"]
    with talking(live_stack, person, conversation) as talk:
        talk.say("ask", text="Tell me everything.")
        talk.until("delta")
        talk.until("delta")
        heard = talk.heard
        _kill(live_stack, part)
    path = f"{API}/conversations/{conversation}/"

    def told() -> dict[str, Any] | None:
        answer = client.get(path).raise_for_status().json()["messages"][-1]
        return answer if answer["status"] != "streaming" else None

    answer = eventually(told, TOLD_WITHIN, "the answer was never ended") or {}
    whole = "".join(WORDS)
    if part == "web":  # it died with the process that wrote it
        assert (answer["status"], answer["error"]["code"]) == ("interrupted", "interrupted")
        assert whole.startswith(answer["text"])
        # The last word may have been shown in the moment before it was kept.
        assert answer["text"].startswith(text_of(heard[:-1]))
    else:
        assert (answer["status"], answer["text"]) == ("complete", whole), answer
    with talking(live_stack, person, conversation) as talk:
        talk.say("resume", after=heard[-1]["seq"])
        end = talk.until(*ENDS)[-1]
    assert (end["type"], end["message_id"]) == ("turn.finished", answer["id"])
    again = client.post(f"{path}messages/", json={"text": "How much may a hotel cost in London?"})
    assert (again.status_code, again.json()["status"]) == (201, "complete")
    balance(live_stack, tenant_id).check()


def _under_way(stack: LiveStack) -> bool:
    calls = stack.aws.requests("InvokeModel")
    return len([call for call in calls if not call["finished"]]) >= 2


def _kill(stack: LiveStack, part: str) -> None:
    """Kill a part and wait until another process has taken its place and the product serves."""
    victim = stack.part(part)
    victim.kill()

    def replaced() -> bool:
        try:
            return stack.part(part).pid != victim.pid and stack.get("/readyz") == 200
        except (LookupError, psutil.NoSuchProcess, httpx.TransportError):
            return False

    eventually(replaced, BACK_WITHIN, f"{part} did not come back")
