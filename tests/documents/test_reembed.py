"""When another embedding model serves, old vectors are not compared, and all are made anew."""

import uuid
from collections.abc import Iterator

import numpy as np
import pytest

from bedrock import policy
from bedrock.deployment import resource_prefix
from bedrock.models import InferenceProfile
from documents.models import Document
from documents.tasks import document_ingest, documents_reembed
from search.arms import by_meaning, within
from search.models import DIMENSIONS, Chunk, Source
from search.retrieval import retrieve
from tenants.aws import ops_client
from tenants.context import SYSTEM, entered, public_scope
from tests.documents import bulk
from tests.documents.helpers import HANDBOOK, ready
from tests.support.cast import MAX
from tests.support.clients import api, tenant_of
from tests.support.localaws import LocalAws

pytestmark = pytest.mark.django_db

COHERE = "cohere.embed-v4:0"
TITAN = "amazon.titan-embed-text-v2:0"


def route_to(model: str) -> None:
    """Let another model serve acme's plan, as a changed route and its provisioning do."""
    source = f"arn:aws:bedrock:us-east-1::foundation-model/{model}"
    made = ops_client("bedrock", "us-east-1").create_inference_profile(
        inferenceProfileName=f"embedding {uuid.uuid4().hex[:8]}",
        modelSource={"copyFrom": source},
        tags=[
            {"key": "Deployment", "value": resource_prefix()},
            {"key": "Tier", "value": "growth"},
        ],
    )
    with public_scope("staff"):
        InferenceProfile.objects.filter(
            region="us-east-1", plan="growth", role="embedding", tenant_id=None
        ).update(model_id=model, arn=made["inferenceProfileArn"], source=source)
    policy.forget()


@pytest.fixture(autouse=True)
def _own_routes() -> Iterator[None]:
    bulk.rule()
    policy.forget()
    yield
    policy.forget()


def found(query: str) -> list[str]:
    with entered(tenant_of(MAX)):
        passages = retrieve(actor=SYSTEM, query=query, request_id=uuid.uuid4())
    return [passage.document_name for passage in passages]


def models_of(*ids: uuid.UUID) -> set[str]:
    with entered(tenant_of(MAX)):
        return set(Source.objects.filter(id__in=ids).values_list("embedding_model", flat=True))


def test_old_vectors_rest_until_they_are_made_anew(localaws: LocalAws) -> None:
    old = ready("old.md", HANDBOOK)
    meant = "accommodation and railway"  # no word of it stands in the text
    assert "old.md" in found(meant)
    route_to(COHERE)
    assert found(meant) == []  # Titan's vectors are not compared with Cohere's
    assert "old.md" in found("hotel room")  # the words still find it
    new = ready("new.md", HANDBOOK)
    assert set(found(meant)) == {"new.md"}
    assert models_of(old.id, new.id) == {TITAN, COHERE}
    with entered(tenant_of(MAX)):  # nor where the words bring them
        numbers = np.array(Chunk.objects.filter(source=old.id).values_list("number", flat=True))
        place = within(Source.objects.all())
        near = by_meaning(place, [1.0] * DIMENSIONS, count=100, besides=numbers)
        assert len(near.numbers) and not set(near.numbers) & set(numbers)
    with entered(tenant_of(MAX)):
        documents_reembed()
    route_to(TITAN)
    with entered(tenant_of(MAX)):
        documents_reembed()  # the old model serves again: its vectors are spared, the new one's go
        assert set(Document.objects.filter(way="calls").values_list("name")) == {("new.md",)}
    route_to(COHERE)
    with entered(tenant_of(MAX)):
        documents_reembed()
        documents_reembed()  # asked again, it does nothing twice
        assert Document.objects.filter(way="calls").count() == 1
        document_ingest(str(old.id))
    assert api(MAX).get(f"/api/v1/documents/{old.id}/").json()["status"] == "ready"
    assert models_of(old.id, new.id) == {COHERE}
    assert set(found(meant)) == {"old.md", "new.md"}


def test_a_corpus_is_embedded_anew_by_batch(localaws: LocalAws) -> None:
    route_to(COHERE)
    ids = bulk.uploaded(2, 60, bulk=True)  # by calls: this model has no batch
    assert bulk.states(ids) == [("ready", "")] * 2
    route_to(TITAN)
    with entered(tenant_of(MAX)):
        documents_reembed()
    assert bulk.states(ids) == [("ready", "collecting")] * 2
    (job,) = bulk.collected()
    bulk.finished(job)
    assert bulk.states(ids) == [("ready", "")] * 2
    assert models_of(*map(uuid.UUID, ids)) == {TITAN}
    assert (job.succeeded, bulk.booked(job)[0][1]) == (120, job.tokens)
