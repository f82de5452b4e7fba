"""Who may touch which document: the one guard of every reader and writer outside tasks."""

from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from documents.models import Document
from tenants.context import Actor
from tenants.errors import NotFound

# Who may see the personal data that a workspace masks, in the viewer and in the file itself.
UNMASK_ROLES: Final = frozenset({"owner", "admin"})


def may_unmask(actor: Actor) -> bool:
    """Return whether the actor may see documents as they were uploaded."""
    return actor.role in UNMASK_ROLES


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
