"""Workspaces move between targets without a moment in which their documents are not found."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from bedrock import gateway
from bedrock.knowledge_bases import base_of, base_remove, knowledge_ensure, pool_counts
from bedrock.models import KnowledgeBase, KnowledgePool
from search.erasing import copies_erase, copies_left
from search.models import Chunk, KnowledgeCopy, RetrievalMove, Vector
from search.moving import move_start, move_step
from search.services import source_remove
from search.tasks import copies_sync
from tenants.aws import ops_client
from tenants.context import entered, public_scope
from tenants.registry.models import Tenant
from tests.documents.helpers import HANDBOOK, ready
from tests.knowledge.test_targets import PRICES, QUERIES, outcome
from tests.support.cast import ALICE, CHARLIE, INES, MAX, Person
from tests.support.clients import tenant_of
from tests.support.localaws import LocalAws
from tests.support.waiting import eventually

pytestmark = pytest.mark.django_db


def moved(person: Person, target: str) -> str:
    said = StringIO()
    call_command("move_retrieval", tenant=person.workspace, to=target, stdout=said)
    return said.getvalue()


def answers(person: Person) -> list[Any]:
    return [outcome(person, query) for query in QUERIES]


def test_a_workspace_moves_there_and_back_with_the_same_answers() -> None:
    ready("travel.md", HANDBOOK, MAX)
    ready("prices.md", PRICES, MAX)
    before = answers(ALICE)
    assert "acme is in kb_dedicated now" in moved(ALICE, "kb_dedicated")
    tenant = tenant_of(ALICE)
    assert tenant.retrieval == "kb_dedicated"
    with entered(tenant):
        assert not Vector.objects.exists()
        base = base_of(tenant)
        assert base is not None and base.tenant_id == tenant.id
        agent = ops_client("bedrock-agent", base.region)
        tags = agent.list_tags_for_resource(resourceArn=base.arn)["tags"]
        assert tags["TenantId"] == str(tenant.id)
    assert answers(ALICE) == before
    assert "already" in moved(ALICE, "kb_dedicated")
    moved(ALICE, "schema")
    with entered(tenant_of(ALICE)):
        assert Vector.objects.count() == Chunk.objects.count()
        eventually(lambda: copies_sync() or not KnowledgeCopy.objects.exists())
    assert answers(ALICE) == before


def test_the_old_target_serves_until_the_new_one_is_complete(localaws: LocalAws) -> None:
    ready("travel.md", HANDBOOK, MAX)
    before = answers(ALICE)
    tenant = tenant_of(ALICE)
    move = move_start(tenant, "kb_shared", right="staff")
    assert move is not None
    with entered(tenant):
        assert move_step(move) > 0
    assert answers(ALICE) == before and not localaws.requests("Retrieve")
    late = ready("prices.md", PRICES, MAX)  # goes to both
    gone = ready("gone.md", PRICES.replace("pears", "plums"), MAX)
    with entered(tenant):
        assert Vector.objects.filter(source_id=late.id).exists()
        assert KnowledgeCopy.objects.filter(source_id=late.id).exists()
        source_remove(gone.id)
    with pytest.raises(CommandError, match="under way"):
        moved(ALICE, "kb_dedicated")
    with_late = answers(ALICE)
    moved(ALICE, "kb_shared")  # goes on with the one that was begun
    assert answers(ALICE) == with_late and localaws.requests("Retrieve")
    with entered(tenant_of(ALICE)):
        assert RetrievalMove.objects.get().finished_at is not None


def test_an_empty_pool_refuses_before_anything_changes() -> None:
    with public_scope("staff"):
        KnowledgePool.objects.filter(kind="MANAGED").update(quota=2, reserve=2)
        assert pool_counts("eu-central-1") == {"VECTOR": (0, 80), "MANAGED": (0, 0)}
    with pytest.raises(CommandError, match="no Knowledge Base left"):
        moved(CHARLIE, "kb_dedicated")
    tenant = tenant_of(CHARLIE)
    assert tenant.retrieval == "schema"
    # Classic ones are taken first where there is a vector store for them.
    storage = {"type": "S3_VECTORS", "s3VectorsConfiguration": {
        "vectorBucketArn": "arn:aws:s3vectors:{region}:123456789012:bucket/vectors",
        "indexName": "{name}",
    }}  # fmt: skip
    with public_scope("staff"):
        KnowledgePool.objects.filter(kind="VECTOR").update(storage=storage)
        base = knowledge_ensure(tenant.region, "kb_dedicated", tenant.id)
        assert base is not None and base.kind == "VECTOR"
        agent = ops_client("bedrock-agent", tenant.region)
        made = agent.get_knowledge_base(knowledgeBaseId=base.knowledge_base_id)["knowledgeBase"]
        index = made["storageConfiguration"]["s3VectorsConfiguration"]["indexName"]
        assert index == base.name and tenant.id.hex in index
        base_remove(base)
        assert not KnowledgeBase.objects.filter(tenant_id=tenant.id).exists()


def test_erasing_a_workspace_takes_its_copies_out_of_the_shared_knowledge_base() -> None:
    ready("prices.md", PRICES, INES)
    with entered(tenant_of(INES)):
        base = base_of(tenant_of(INES))
        assert base is not None
        chunk_ids = list(Chunk.objects.values_list("chunk_id", flat=True))
        (line,) = copies_erase(tenant_of(INES))
        assert line.count == len(chunk_ids) and copies_left(tenant_of(INES)) == 0
        states = gateway.chunk_states(base, chunk_ids[:10]).values()
        assert {one[0] for one in states} == {"NOT_FOUND"}
    with public_scope("staff"):
        assert KnowledgeBase.objects.filter(tenant_id=None).exists()
        assert Tenant.objects.filter(slug="initech").exists()
