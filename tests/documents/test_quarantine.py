"""Documents that look hostile are set aside: staff see that they are, and decide."""

import pytest
from django.test import Client

from documents.models import Document
from tenants.accounts.models import AuditEvent
from tenants.context import entered, public_scope
from tenants.registry.models import QuarantinedDocument, Status, Tenant
from tests.documents.helpers import HANDBOOK, ingested, upload
from tests.support import files
from tests.support.cast import ALICE, MAX
from tests.support.clients import api, staff_client, tenant_of

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/registry/quarantineddocument/"


def set_aside(name: str = "zebra-salaries.docx") -> Document:
    answer = upload(name, files.zip_bomb_docx())
    assert answer.status_code == 201, answer.content
    document = ingested(answer.json()["id"])
    assert (document.status, document.error_code) == ("failed", "archive_bomb")
    return document


def row_of(document: Document) -> QuarantinedDocument:
    with public_scope("staff"):
        return QuarantinedDocument.objects.get(document_id=document.id)


def act(client: Client, name: str, document: Document) -> str:
    form = {"action": name, "_selected_action": str(row_of(document).id)}
    return client.post(LIST, form, follow=True).content.decode()


def test_what_unpacks_without_end_is_told_to_staff_without_its_name() -> None:
    document = set_aside()
    upload("plain.md", HANDBOOK)
    row = row_of(document)
    assert (row.code, row.state, row.tenant_id) == ("archive_bomb", "open", tenant_of(MAX).id)
    assert "zebra" not in row.name
    support, security = staff_client("support"), staff_client("security")
    page = f"{LIST}{row.id}/change/"
    assert "zebra" not in support.get(LIST).content.decode()
    assert "zebra" not in support.get(page).content.decode()
    assert "zebra-salaries.docx" in security.get(page).content.decode()
    act(support, "delete_documents", document)  # it is not support's to decide
    assert row_of(document).state == "open"
    told = api(ALICE).get(f"/api/v1/documents/{document.id}/").json()
    assert "was not opened" in told["error"]


def test_a_file_that_merely_fails_is_not_told_to_staff() -> None:
    document = ingested(upload("scan.pdf", files.scanned_pdf()).json()["id"])
    assert (document.status, document.error_code) == ("failed", "no_text")
    with public_scope("staff"):
        assert not QuarantinedDocument.objects.exists()


def test_a_release_reads_it_once_more_and_a_deletion_removes_it_on_both_records() -> None:
    document = set_aside()
    security = staff_client("security")
    assert "1 read again." in act(security, "read_again", document)
    assert row_of(document).state == "released"
    with entered(tenant_of(MAX)):
        assert Document.objects.get(id=document.id).status == "queued"
        event = AuditEvent.objects.get(action="document.release")
        assert event.data == {"code": "archive_bomb", "by": "staff"}
    assert "set aside no more" in act(security, "read_again", document)
    # It is as it was, and is set aside again.
    assert ingested(document.id).error_code == "archive_bomb"
    with public_scope("staff"):
        again = QuarantinedDocument.objects.get(document_id=document.id, state="open")
    form = {"action": "delete_documents", "_selected_action": str(again.id)}
    assert "1 deleted." in security.post(LIST, form, follow=True).content.decode()
    assert api(ALICE).get(f"/api/v1/documents/{document.id}/").status_code == 404
    with public_scope("staff"):
        assert AuditEvent.objects.filter(action="document.quarantine_delete").exists()
        rows = QuarantinedDocument.objects.filter(document_id=document.id)
        assert [row.name for row in rows] == ["", ""]  # of what is gone, no name stays
    page = security.get(f"{LIST}{again.id}/change/").content.decode()
    assert "zebra" not in page


def test_nothing_is_decided_in_a_workspace_that_is_suspended() -> None:
    document, tenant = set_aside(), tenant_of(MAX)
    with public_scope("staff"):
        Tenant.objects.filter(slug="acme").update(status=Status.SUSPENDED)
    assert "workspace is not active" in act(staff_client("security"), "delete_documents", document)
    with entered(tenant):
        assert Document.objects.filter(id=document.id).exists()
    assert row_of(document).state == "open"


def test_its_own_people_end_the_quarantine_by_deleting_it() -> None:
    document = set_aside()
    assert api(ALICE).delete(f"/api/v1/documents/{document.id}/").status_code == 204
    assert row_of(document).state == "deleted"
