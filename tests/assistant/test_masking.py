"""A regulated workspace: no call, batch file or log record holds what was said or uploaded."""

import gzip
import json

import pytest

from bedrock import batch
from documents.batching import DocumentSource
from documents.tasks import document_ingest
from tenants.context import entered
from tenants.deployment_objects import (
    deployment_object_open,
    deployment_objects,
    deployment_objects_delete,
)
from tenants.objects import object_get
from tests.assistant.talking import Server, conversation_for, said_in, talking
from tests.documents import bulk
from tests.documents.helpers import ready, upload
from tests.documents.test_masking import CANARIES, held, others
from tests.support.cast import CHARLIE, MAX, Person
from tests.support.clients import tenant_of
from tests.support.localaws import LocalAws

LOGS = "invocation-logs/"
FIRST = f"Who examined the boiler room? Dr. {CANARIES['NAME']} of {CANARIES['EMAIL']} asks."
SECOND = f"And when? Tell {CANARIES['PHONE']}."
REPORT = f"# Boilers\n\nThe boiler room was examined on Tuesday by Dr. {CANARIES['NAME']}."


def logs_of(region: str, localaws: LocalAws) -> list[str]:
    """Have the invocation log delivered and return the Region's records, line by line."""
    localaws.logs()
    lines: list[str] = []
    for found in list(deployment_objects(region, LOGS)):
        if found.key.endswith(".gz"):
            body = gzip.decompress(deployment_object_open(region, found.key).read()).decode()
            lines += body.splitlines()
    return lines


@pytest.mark.parametrize(("person", "masked"), [(CHARLIE, True), (MAX, False)])
def test_a_conversation_over_the_socket(
    person: Person, masked: bool, server: Server, localaws: LocalAws
) -> None:
    region = tenant_of(person).region
    localaws.logs()
    deployment_objects_delete(region, [one.key for one in deployment_objects(region, LOGS)])
    ready("Boilers.md", REPORT, person)
    conversation = conversation_for(person)
    with talking(server, person, conversation) as talk:
        assert talk.ask(FIRST)[-1]["type"] == "turn.finished"
        assert talk.ask(SECOND)[-1]["type"] == "turn.finished"
    assert said_in(person, conversation)[0].text == FIRST
    wanted = set() if masked else {"NAME", "EMAIL", "PHONE"}
    calls = others(localaws)
    assert {"ConverseStream", "Converse", "InvokeModel"} <= {call["operation"] for call in calls}
    assert held(calls) == wanted
    records = [json.loads(line) for line in logs_of(region, localaws)]
    assert {"ConverseStream", "InvokeModel"} <= {record["operation"] for record in records}
    assert held(records) == wanted


@pytest.mark.django_db
@pytest.mark.parametrize(("person", "masked"), [(CHARLIE, True), (MAX, False)])
def test_a_batch_file(person: Person, masked: bool, localaws: LocalAws) -> None:
    bulk.rule()
    line = f"Signed by Dr. {CANARIES['NAME']}. " + "What was agreed is kept in the store. " * 11
    text = "\n\n".join(f"# Part {number}\n\n{line}" for number in range(110))
    document_id = upload("Bulk.md", text, person, bulk=True).json()["id"]
    with entered(tenant_of(person)):
        document_ingest(document_id)
    (job,) = bulk.collected(person)
    with entered(tenant_of(person)):
        batch._step(job, DocumentSource())
        written = object_get(batch._input_key(job)) or b""
    records = [json.loads(line) for line in written.splitlines()]
    assert len(records) >= 100
    assert held(records) == (set() if masked else {"NAME"})
