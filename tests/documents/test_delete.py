"""A deleted document is gone from search at once, and from everywhere soon after."""

import uuid

import pytest

from billing.storage import stored_bytes
from documents.models import Document, DocumentText, LooseObject, StagedBatch
from documents.tasks import objects_sweep
from search.retrieval import retrieve
from tenants.accounts.models import AuditEvent
from tenants.context import SYSTEM, entered
from tenants.objects import object_get
from tests.documents.helpers import HANDBOOK, indexed, ready
from tests.support.cast import MAX
from tests.support.clients import api, browser_of, code_of, tenant_of

pytestmark = pytest.mark.django_db


def found(query: str) -> list[str]:
    with entered(tenant_of(MAX)):
        passages = retrieve(actor=SYSTEM, query=query, request_id=uuid.uuid4())
    return [passage.document_name for passage in passages]


def test_a_deleted_document_cannot_be_retrieved_from_that_moment() -> None:
    document = ready("Travel policy.md", HANDBOOK)
    ready("Trains.md", "# Trains\n\nTrains to work are paid for by the company.\n")
    assert "Travel policy.md" in found("How many days may I work abroad?")
    answer = api(MAX).delete(f"/api/v1/documents/{document.id}/")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Travel policy.md" not in found("How many days may I work abroad?")
    assert indexed(document.id) == {"sources": 0, "chunks": [], "vectors": 0, "terms": []}
    for path in ("", "text/"):
        gone = api(MAX).get(f"/api/v1/documents/{document.id}/{path}")
        assert gone.status_code == 404
        assert code_of(gone) == "not_found"
    assert api(MAX).delete(f"/api/v1/documents/{document.id}/").status_code == 404


def test_its_storage_its_file_and_its_text_go_and_the_deed_is_recorded() -> None:
    document = ready("Travel policy.md", HANDBOOK)
    with entered(tenant_of(MAX)):
        assert stored_bytes() == document.size
    api(MAX).delete(f"/api/v1/documents/{document.id}/")
    with entered(tenant_of(MAX)):
        assert stored_bytes() == 0
        assert not Document.objects.exists()
        assert not DocumentText.objects.exists()
        assert not StagedBatch.objects.exists()
        objects_sweep()
        assert object_get(document.object_key) is None
        assert not LooseObject.objects.exists()
        (event,) = AuditEvent.objects.filter(action="document.delete")
        assert (event.object_id, event.data) == (str(document.id), {"size": document.size})


def test_the_page_deletes_too() -> None:
    document = ready("Travel policy.md", HANDBOOK)
    browser = browser_of(MAX)
    answer = browser.post(f"/documents/{document.id}/delete/")
    assert (answer.status_code, answer["Location"]) == (302, "/documents/")
    assert "No documents yet" in browser.get("/documents/").content.decode()
