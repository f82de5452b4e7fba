"""A move to a Region that embeds with another model, and the old Region emptied in pieces."""

from __future__ import annotations

import uuid
from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import timezone

from bedrock import policy
from bedrock.deployment import resource_prefix
from bedrock.models import InferenceProfile
from billing.models import LedgerEntry
from documents.health import queue_probe
from documents.models import Document
from documents.tasks import document_ingest, documents_reembed, recover
from search.models import Source
from tenants.aws import ops_client
from tenants.context import TenantContext, entered, public_scope
from tenants.objects import object_put
from tenants.registry.models import RegionMove
from tests.search.regionworkspace import (
    MIA,
    NEW,
    OLD,
    Manage,
    inside,
    row,
    status,
)
from tests.search.regionworkspace import moving as moving
from tests.search.shelf import find
from tests.search.shelf import names as names_of
from tests.search.test_region_asking import asked, messages, now, page_of, sent_again, step, worked
from tests.support.clients import api, tenant_of

pytestmark = pytest.mark.django_db(transaction=True)

COHERE, TITAN = "cohere.embed-v4:0", "amazon.titan-embed-text-v2:0"
MEANT = "accommodation and railway"  # no word of it stands in the text
# A message of the worker's that deletes an object a request, in pieces as short as can be; or as
# one piece, killed before its third request.
PIECE = """
import search.regions, search.tasks, tenants.objects
search.regions.TELL, search.tasks.PIECE, tenants.objects.DELETE_BATCH = 0.0, 0.0, 1
search.tasks.move_region("{move_id}")
"""
KILLED = """
import os, search.tasks, tenants.objects
from tenants.aws import ops_client
search.tasks.PIECE, tenants.objects.DELETE_BATCH = 600.0, 1
asked = []
def third(params, **_):
    asked.append(params)
    if len(asked) == 3:
        os._exit(9)
ops_client("s3", "eu-central-1").meta.events.register(
    "provide-client-params.s3.DeleteObjects", third)
search.tasks.move_region("{move_id}")
"""


def embedded_by_another(tenant: TenantContext) -> None:
    """Let the workspace's documents have vectors of Cohere's in the old Region."""
    source = f"arn:aws:bedrock:{OLD}::foundation-model/{COHERE}"
    made = ops_client("bedrock", OLD).create_inference_profile(
        inferenceProfileName=f"embedding {uuid.uuid4().hex[:8]}",
        modelSource={"copyFrom": source},
        tags=[
            {"key": "Deployment", "value": resource_prefix()},
            {"key": "Tier", "value": "enterprise"},
            {"key": "TenantId", "value": str(tenant.id)},
        ],
    )
    with public_scope("staff"):
        own = InferenceProfile.objects.filter(tenant_id=tenant.id, region=OLD, role="embedding")
        own.update(model_id=COHERE, arn=made["inferenceProfileArn"], source=source)
    policy.forget()
    with entered(tenant):
        documents_reembed()
        document_ingest(str(Document.objects.get().id))


def embedded() -> tuple[str, str]:
    """Return the model of the document's vectors, and how it gets new ones."""
    with entered(tenant_of(MIA)):
        return Source.objects.get().embedding_model, Document.objects.get().way


def test_a_killed_worker_is_followed_and_what_another_model_embedded_is_embedded_anew(
    moving: TenantContext, manage: Manage
) -> None:
    embedded_by_another(moving)
    assert embedded() == (COHERE, "")
    assert names_of(find(api(MIA), MEANT)) == ["travel.md"]
    with entered(moving):
        for number in range(2):
            object_put(f"attached/{number}.txt", b"text", content_type="text/plain")
    before = inside(OLD)
    status("suspend")
    page = step("region", choice=NEW)
    assert "Embedded anew: us-east-1 embeds with" in page and "1 documents (1 passages)" in page
    asked()
    with pytest.raises(RuntimeError):
        worked(manage, KILLED)
    assert now().state == "running" and len(inside(OLD)) == len(before) - 2
    assert row().region == NEW and inside(NEW) == before
    messages()
    with public_scope("staff"):
        RegionMove.objects.update(changed_at=timezone.now() - timedelta(minutes=2))
    assert sent_again(manage) == [str(now().id)]
    lefts = [len(inside(OLD))]
    while now().state == "running":
        worked(manage, PIECE)
        lefts.append(len(inside(OLD)))
        if lefts[-1]:
            assert f"{lefts[-1]} stored objects are still to be deleted in" in page_of(row())
    # Each piece went on with what was left, and none did it all.
    assert lefts[-1] == 0 and max(a - b for a, b in pairwise(lefts)) == 1
    assert now().state == "done" and inside(NEW) == before

    status("resume")
    # Marked, not touched yet: the words find it, and vectors of two models are not compared.
    assert embedded() == (COHERE, "calls")
    assert names_of(find(api(MIA), "hotel room")) == ["travel.md"]
    assert names_of(find(api(MIA), MEANT)) == []
    with entered(tenant_of(MIA)):
        assert "1 are found by their words alone" in queue_probe().told
        documents_reembed()  # the hourly look marks nothing twice
        Document.objects.update(dispatched_at=timezone.now() - timedelta(minutes=1))
        assert recover() == 1  # the look of each half minute sends it
        document_ingest(str(Document.objects.get().id))
        assert "words alone" not in queue_probe().told
        paid = LedgerEntry.objects.filter(feature="ingest", region=NEW, unit="embedding_tokens")
        assert paid.exists()  # the workspace's, as an upload's
    assert embedded() == (TITAN, "")
    assert names_of(find(api(MIA), MEANT)) == ["travel.md"]
