"""Who may touch which document: the one guard of every reader and writer outside tasks."""

from functools import lru_cache
from typing import Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from documents.errors import DocumentReadOnly
from documents.models import Document
from search.access import SOMEBODY, collections_holding, may_change, may_read, somebody
from search.tagging import tags_holding
from tenants.context import Actor
from tenants.errors import NotFound
from tenants.statements import Written

# Who may see the personal data that a workspace masks, in the viewer and in the file itself.
UNMASK_ROLES: Final = frozenset({"owner", "admin"})
SOME: Final = UUID("50b0d700-0000-4000-8000-000000000001")  # stands for what is asked for; no id


def may_unmask(actor: Actor) -> bool:
    """Return whether the actor may see documents as they were uploaded."""
    return actor.role in UNMASK_ROLES


def documents_visible(actor: Actor) -> QuerySet[Document]:
    """Return the documents that the actor may see, with their collections' ids and their tags.

    Who may is told in `search.access.may_read`. Attachments are none of the workspace's documents:
    see `documents/attaching.py`.
    """
    return Document.objects.filter(may_read(actor), attached_to=None).annotate(
        collection_ids=collections_holding(actor), tags=tags_holding()
    )


def documents_current(actor: Actor) -> QuerySet[Document]:
    """Return the visible documents without versions that another has replaced."""
    return documents_visible(actor).filter(replaced_at=None)


def document_of(actor: Actor, document_id: UUID | str) -> Document:
    """Return the document if the actor may see it.

    Raises NotFound for a missing and an invisible one alike; another workspace's id is missing,
    since only the entered tenant's tables are asked. Its statement is written once: the ORM takes
    longer over it than all else that shows a document.
    """
    who = [actor.user_id] if actor.user_id else []
    asked = Document._meta.pk.to_python(document_id)
    document = _document_written(somebody(actor)).first(asked, *who)
    if document is None:
        raise NotFound(_("There is no such document in this workspace."))
    return document


@lru_cache(maxsize=1000)
def _document_written(standing_in: Actor) -> Written[Document]:
    visible = documents_visible(standing_in).select_related("created_by").filter(id=SOME)
    return Written(visible.order_by(), SOME, *[SOMEBODY] * bool(standing_in.user_id))


def document_locked(actor: Actor, document_id: UUID | str) -> Document:
    """Return the document if the actor may change it, locked until the transaction ends.

    Raises NotFound, or DocumentReadOnly for one that the actor may only read.
    """
    changeable = Document.objects.filter(may_change(actor), attached_to=None)
    document = changeable.select_for_update(of=("self",)).filter(id=document_id).first()
    if document is None:
        document_of(actor, document_id)
        raise DocumentReadOnly
    return document
