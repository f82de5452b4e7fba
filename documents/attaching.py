"""Files that are attached to something of another app, a conversation: read like any document.

An attachment is a `Document` that says what it is attached to. The workspace's lists, search,
answers and tools leave it out; whoever may see its holder reads it in the viewer, which the app of
the holders decides (`authority_register`).
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet

from documents.access import document_of
from documents.models import Document
from documents.services import documents_drop, objects_sweep_soon
from search.services import source_detach
from tenants.accounts.audit import audit_write
from tenants.context import Actor
from tenants.errors import NotFound


class Authority(NamedTuple):
    """What an app tells of the holders of attachments."""

    holders: Callable[[Actor], QuerySet[Any]]  # ids of those that the actor sees, wholly or not
    address: Callable[[Actor, Document], str]  # where one is shown; "" to whoever may not see it


_authorities: list[Authority] = []


def authority_register(authority: Authority) -> None:
    """Let an app say who sees the holders of attachments, and where."""
    _authorities.append(authority)


def holder_address(actor: Actor, document: Document) -> str:
    """Return where the actor sees what the document is attached to; "" where nothing is."""
    if document.attached_to is None:
        return ""
    found = (authority.address(actor, document) for authority in _authorities)
    return next((address for address in found if address), "")


def document_readable(actor: Actor, document_id: UUID | str) -> Document:
    """Return a document that the actor may read: one of the workspace's, or an attachment.

    Raises NotFound: of an attachment to what the actor does not see by the same statements as of
    an id that nothing has.
    """
    try:
        return document_of(actor, document_id)
    except NotFound:
        held = Q(pk__in=[])
        for authority in _authorities:
            held |= Q(attached_to__in=authority.holders(actor))
        attached = Document.objects.filter(held, id=document_id).select_related("created_by")
        document = attached.first()
        if document is None or not holder_address(actor, document):
            raise
    return document


def documents_attached(holder: UUID | OuterRef) -> QuerySet[Document]:
    """Return what is attached to the holder, the first first."""
    return Document.objects.filter(attached_to=holder).order_by("created_at", "id")


def attached_delete(actor: Actor, holders: Iterable[UUID], *, only: UUID | None = None) -> None:
    """Delete what is attached to these holders, or one of it; the files follow by a task.

    For callers that found that the actor may change the holders. Raises LegalHold.
    """
    with transaction.atomic():
        found = Document.objects.filter(attached_to__in=list(holders)).order_by("id")
        if only is not None:
            found = found.filter(id=only)
        chosen = list(found.select_for_update(of=("self",)))
        documents_drop(actor, chosen)
    if chosen:
        objects_sweep_soon()


def attached_keep(actor: Actor, document: Document) -> None:
    """Make an attachment, locked and ready, a document of the workspace; in a transaction."""
    document.attached_to = None
    document.save(update_fields=["attached_to", "updated_at"])
    source_detach(document.id)
    audit_write(actor, action="attachment.keep", object_type="document", object_id=document.id)
