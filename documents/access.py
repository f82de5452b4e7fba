"""Who may touch which document: the one guard of every reader and writer outside tasks."""

from uuid import UUID

from django.db.models import QuerySet

from documents.models import Document
from tenants.context import Actor
from tenants.errors import NotFound


def documents_visible(actor: Actor) -> QuerySet[Document]:
    """Return the documents that the actor may see: all of the workspace, for every role."""
    return Document.objects.all()


def document_of(actor: Actor, document_id: UUID | str) -> Document:
    """Return the document if the actor may see it.

    Raises NotFound for a missing and an invisible one alike; another workspace's id is missing,
    since only the entered tenant's tables are asked.
    """
    document = documents_visible(actor).select_related("created_by").filter(id=document_id).first()
    if document is None:
        raise NotFound("There is no such document in this workspace.")
    return document


def document_locked(actor: Actor, document_id: UUID | str) -> Document:
    """Like `document_of`, with the row locked until the transaction ends."""
    document = (
        documents_visible(actor).select_for_update(of=("self",)).filter(id=document_id).first()
    )
    if document is None:
        raise NotFound("There is no such document in this workspace.")
    return document
