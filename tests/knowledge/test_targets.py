"""The three retrieval targets give the same answers, and a Knowledge Base gives nobody else's."""

import json
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from bedrock import gateway, knowledge_bases
from bedrock.errors import OutsideRegion
from bedrock.knowledge_bases import base_of
from bedrock.knowledge_documents import stripped
from bedrock.models import KnowledgeBase, PolicyDecision
from bedrock.policy import forget
from billing.models import LedgerEntry, Reservation
from billing.units import Unit
from documents.services import document_delete
from search.copies import KnowledgeCopy, copies_advance, copies_loose
from search.models import Chunk, Vector
from search.tasks import copies_sync
from tenants import governance
from tenants.aws import ops_client
from tenants.context import SYSTEM, Actor, entered, public_scope
from tests.documents.helpers import HANDBOOK, ingested, ready, upload
from tests.search.shelf import find, names
from tests.support.cast import ALICE, HUGO, INES, UMA, Person
from tests.support.clients import api, tenant_of, user_of
from tests.support.localaws import LocalAws
from tests.support.waiting import eventually

pytestmark = pytest.mark.django_db

PRICES = """# Prices

A crate of apples costs 12 euros. A crate of pears costs 15 euros.

## Delivery

Delivery within the city is free from 80 euros on. The van leaves at seven in the morning.
"""
QUERIES = (
    "How long may employees work abroad?",
    "first class trains",
    "What does a crate of pears cost?",
    "when does the van leave",
    "breakfast",
)


def outcome(person: Person, query: str) -> list[tuple[str, str]]:
    return [(one["document"]["name"], one["text"]) for one in find(api(person), query)]


@pytest.mark.parametrize("person", [INES, UMA])
def test_a_knowledge_base_answers_as_the_schema_does(person: Person, localaws: LocalAws) -> None:
    for name, text in (("travel.md", HANDBOOK), ("prices.md", PRICES)):
        ready(name, text, ALICE)
        ready(name, text, person)
    for query in QUERIES:
        assert outcome(person, query) == outcome(ALICE, query) != []
    with entered(tenant_of(person)):
        assert not Vector.objects.exists()  # nothing was embedded twice
    asked = localaws.requests("Retrieve")
    assert len(asked) == len(QUERIES)
    tenant = str(tenant_of(person).id)
    for call in asked:
        ((_, given),) = call["body"]["retrievalConfiguration"].items()
        assert given["filter"] == {"equals": {"key": "tenantId", "value": tenant}}
        assert call["region"] == "us-east-1"


def test_who_calls_which_knowledge_base(localaws: LocalAws) -> None:
    for person, role in ((INES, "tenantry-retrieval"), (UMA, "tenantry-tenant")):
        ready("prices.md", PRICES, person)
        find(api(person), "crate of pears")
        assert f"assumed-role/{role}/" in localaws.requests("Retrieve")[-1]["identity"]
        writer = "tenantry-ops" if person is INES else "tenantry-tenant"
        sent = localaws.requests("IngestKnowledgeBaseDocuments")[-1]
        assert f"assumed-role/{writer}/" in sent["identity"]


def test_a_knowledge_base_of_anothers_own_is_not_asked(localaws: LocalAws) -> None:
    """Should a process ever keep the wrong one: nothing leaves it."""
    ready("prices.md", PRICES, UMA)
    with entered(tenant_of(UMA)):
        theirs = base_of(tenant_of(UMA))
    astray = tenant_of(INES)
    with entered(astray):
        kept = (astray.id.hex, astray.region, astray.retrieval)
        knowledge_bases._kept.put(kept, theirs, governance.version())
        localaws.forget_requests()
        with pytest.raises(PermissionError, match="is not initech's"):
            gateway.knowledge_retrieve("pears", actor=SYSTEM, feature="search", request_id=uuid4())
        assert set(Reservation.objects.values_list("state", flat=True)) <= {"settled", "released"}
    assert not localaws.requests("Retrieve")


def test_a_knowledge_base_in_another_region_is_not_asked(localaws: LocalAws) -> None:
    ready("prices.md", PRICES, INES)
    with public_scope("staff"):
        shared = KnowledgeBase.objects.get(region="us-east-1", tenant_id=None)
        elsewhere = shared.arn.replace("us-east-1", "us-west-2")
        KnowledgeBase.objects.filter(id=shared.id).update(arn=elsewhere)
    forget()
    localaws.forget_requests()
    with entered(tenant_of(INES)), pytest.raises(OutsideRegion):
        gateway.knowledge_retrieve("pears", actor=SYSTEM, feature="search", request_id=uuid4())
    assert not localaws.requests("Retrieve")


def test_a_retrieval_is_decided_recorded_and_metered(localaws: LocalAws) -> None:
    ready("prices.md", PRICES, INES)
    before = str(uuid4())
    with entered(tenant_of(INES)):
        request = UUID(before)
        gateway.knowledge_retrieve("pears", actor=SYSTEM, feature="search", request_id=request)
        decision = PolicyDecision.objects.get(request_id=request)
        base = base_of(tenant_of(INES))
        assert base is not None
        assert (decision.operation, decision.profile_arn) == ("Retrieve", base.arn)
        assert "shared" in decision.reason
        rows = {row.unit: row for row in LedgerEntry.objects.filter(request_id=request)}
        assert set(rows) == {Unit.RETRIEVAL, Unit.EMBEDDING}
        assert (rows[Unit.RETRIEVAL].quantity, rows[Unit.RETRIEVAL].usd) == (1, 0)
        query = rows[Unit.EMBEDDING]
        assert query.estimated and query.usd > 0
        [call] = localaws.requests("Retrieve")
        assert query.quantity >= call["usage"]["inputTokens"] > 0
        ingest = LedgerEntry.objects.filter(feature="ingest", unit=Unit.EMBEDDING)
        assert all(one.estimated and one.usd > 0 for one in ingest) and ingest.exists()


def test_a_neighbours_identical_text_is_neither_found_nor_counted() -> None:
    for person in (INES, HUGO):
        ready("same.md", PRICES, person)
    own, seen = {}, {}
    for person in (INES, HUGO):
        with entered(tenant_of(person)):
            own[person] = {str(one) for one in Chunk.objects.values_list("chunk_id", flat=True)}
            found = gateway.knowledge_retrieve(
                "A crate of pears costs 15 euros.",
                actor=SYSTEM,
                feature="search",
                request_id=uuid4(),
            )
        seen[person] = {str(one.chunk_id) for one in found}
    assert own[INES] <= seen[INES] and own[HUGO] <= seen[HUGO]
    assert not seen[INES] & seen[HUGO]


def rogue(person: Person, chunk_id: UUID, tenant_id: str) -> None:
    """Put a document into the shared Knowledge Base past the product, with any tenant on it."""
    with entered(tenant_of(person)):
        base = base_of(tenant_of(person))
    assert base is not None
    agent = ops_client("bedrock-agent", base.region)
    place = {"knowledgeBaseId": base.knowledge_base_id, "dataSourceId": base.data_source_id}
    agent.ingest_knowledge_base_documents(
        **place,
        documents=[
            {
                "content": {
                    "dataSourceType": "CUSTOM",
                    "custom": {
                        "customDocumentIdentifier": {"id": str(chunk_id)},
                        "sourceType": "IN_LINE",
                        "inlineContent": {"type": "TEXT", "textContent": {"data": "pears pears"}},
                    },
                },
                "metadata": {
                    "type": "IN_LINE_ATTRIBUTE",
                    "inlineAttributes": [
                        {"key": "tenantId", "value": {"type": "STRING", "stringValue": tenant_id}}
                    ],
                },
            }
        ],
    )
    wanted = [{"dataSourceType": "CUSTOM", "custom": {"id": str(chunk_id)}}]

    def indexed() -> bool:
        found = agent.get_knowledge_base_documents(**place, documentIdentifiers=wanted)
        return bool(found["documentDetails"][0]["status"] == "INDEXED")

    eventually(indexed)


def test_what_a_knowledge_base_returns_wrongly_is_dropped(localaws: LocalAws) -> None:
    for person in (INES, HUGO):
        ready("same.md", PRICES, person)
    with entered(tenant_of(HUGO)):
        theirs = Chunk.objects.filter(text__contains="pears").get()
        hugo = str(tenant_of(HUGO).id)
    expected = outcome(INES, "crate of pears")
    forged = [
        # Another's chunk under its own name, under ours, without any, and not an id at all.
        (str(theirs.chunk_id), {"tenantId": hugo}),
        (str(theirs.chunk_id), {"tenantId": str(tenant_of(INES).id)}),
        (str(theirs.chunk_id), {"about": "pears"}),
        ("not-an-id", {"tenantId": str(tenant_of(INES).id)}),
    ]
    localaws.script(
        match={"operation": "Retrieve"},
        times=2,
        results=[
            {
                "content": {"type": "TEXT", "text": "SECRET OF HOOLI"},
                "location": {"type": "CUSTOM", "customDocumentLocation": {"id": chunk}},
                "metadata": metadata,
                "score": 0.99,
            }
            for chunk, metadata in forged
        ],
    )
    with entered(tenant_of(INES)):
        let_through = gateway.knowledge_retrieve(
            "pears", actor=SYSTEM, feature="search", request_id=uuid4()
        )
    assert [one.chunk_id for one in let_through] == [theirs.chunk_id]  # the one that lies
    found = outcome(INES, "crate of pears")  # by words alone
    assert found == expected[:1]
    assert "SECRET" not in json.dumps(found)
    # A document that somebody put there under our tenant's name has no row of ours: no passage.
    rogue(INES, uuid4(), str(tenant_of(INES).id))
    rogue(INES, theirs.chunk_id, str(tenant_of(INES).id))  # also overwrites Hugo's copy
    assert outcome(INES, "crate of pears") == expected


def test_what_a_document_says_of_itself_cannot_make_it_anothers() -> None:
    given = {
        "TenantID": "other", "tenantid ": "other", "x-amz-bedrock-kb-source-uri": "s3://x",
        "AMAZON_BEDROCK_METADATA": "{}", "documentId": "other", "author": "Ines", "empty": "",
    }  # fmt: skip
    assert stripped(given) == {"author": "Ines"}


def test_a_document_is_ready_only_when_its_copies_are_indexed(localaws: LocalAws) -> None:
    localaws.script(
        match={"operation": "IngestKnowledgeBaseDocuments"},
        error={"code": "ThrottlingException", "message": "Rate exceeded"},
    )
    document_id = upload("prices.md", PRICES, INES).json()["id"]
    document = ingested(document_id, INES)
    assert document.status == "embedding"
    assert find(api(INES), "crate of pears") == []
    eventually(lambda: ingested(document_id, INES).status == "ready")
    assert names(find(api(INES), "crate of pears"))[0] == "prices.md"
    with entered(tenant_of(INES)):
        assert set(KnowledgeCopy.objects.values_list("state", flat=True)) == {"indexed"}


def test_a_deleted_document_is_gone_at_once_and_its_copies_later(localaws: LocalAws) -> None:
    document = ready("prices.md", PRICES, INES)
    actor = Actor(user_id=user_of(INES).id, role="owner", kind="session")
    with entered(tenant_of(INES)):
        base = base_of(tenant_of(INES))
        assert base is not None
        chunk_ids = list(Chunk.objects.values_list("chunk_id", flat=True))
        document_delete(actor=actor, document_id=document.id)
    assert find(api(INES), "crate of pears") == []
    with entered(tenant_of(INES)):
        assert "INDEXED" in {one[0] for one in gateway.chunk_states(base, chunk_ids).values()}
        localaws.script(match={"operation": "DeleteKnowledgeBaseDocuments"}, error={})

        def gone() -> bool:
            copies_sync()
            return not copies_loose().exists()

        eventually(gone)
        states = gateway.chunk_states(base, chunk_ids).values()
        assert {one[0] for one in states} == {"NOT_FOUND"}


def test_retrieve_has_one_caller() -> None:
    """Whoever called Retrieve elsewhere would have to build the filter again."""
    import ast

    callers = []
    for app in ("assistant", "bedrock", "billing", "config", "documents", "search", "tenants"):
        for path in Path(app).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call):
                    continue
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in ("retrieve_and_generate", "retrieval_client") or (
                    name == "retrieve" and any(k.arg == "knowledgeBaseId" for k in node.keywords)
                ):
                    callers.append((str(path), name))
    assert sorted(callers) == [
        ("bedrock/knowledge.py", "retrieval_client"),
        ("bedrock/knowledge.py", "retrieve"),
    ]


def test_copies_of_a_crashed_sender_are_sent_again(localaws: LocalAws) -> None:
    """The process died after AWS took the chunks and before it noted so."""
    ready("prices.md", PRICES, INES)
    with entered(tenant_of(INES)):
        KnowledgeCopy.objects.update(state="put")

        def whole() -> bool:
            return copies_advance(copies_loose(), actor=SYSTEM) == 0

        eventually(whole)
        assert set(KnowledgeCopy.objects.values_list("state", flat=True)) == {"indexed"}
    assert names(find(api(INES), "crate of pears"))[0] == "prices.md"
