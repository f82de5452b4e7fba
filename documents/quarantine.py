"""Documents that look hostile: those that hit the sandbox's limits, or killed what reads them.

Each is an ordinary failed document to its workspace, with a reason and what to do. Beside that, a
row in `public` tells staff of all of them: their numbers, never their text, the name sealed.
"""

from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models.functions import Now

from documents.errors import Quarantined
from documents.models import Document, Status
from documents.parsing.errors import ArchiveBomb, ParseMemory, ParseTimeout
from tenants.accounts.audit import audit_write
from tenants.context import Actor, current
from tenants.errors import Conflict
from tenants.registry.models import QuarantinedDocument
from tenants.secretbox import secret_open, secret_seal

log = structlog.get_logger(__name__)

CODES: Final = frozenset(
    each.code for each in (Quarantined, ArchiveBomb, ParseMemory, ParseTimeout)
)
PURPOSE: Final = "quarantine"
State = QuarantinedDocument.State


def quarantine_note(document: Document, code: str) -> None:
    """Tell staff, where the code says that the document was set aside; in its transaction."""
    if code not in CODES:
        return
    QuarantinedDocument.objects.get_or_create(
        tenant_id=current().id,
        document_id=document.id,
        state=State.OPEN,
        defaults={
            "name": secret_seal(document.name, purpose=PURPOSE),
            "code": code,
            "media_type": document.media_type,
            "size": document.size,
        },
    )
    log.warning("documents.quarantined", document_id=str(document.id), code=code)


def quarantine_end(document_id: UUID, state: str) -> None:
    """Note that the document is read again or gone; nothing where it was not set aside."""
    rows = QuarantinedDocument.objects.filter(tenant_id=current().id, document_id=document_id)
    if state == State.DELETED:  # of a deleted document the name goes too, of earlier rows as well
        rows.update(name="")
    rows.filter(state=State.OPEN).update(state=state, ended_at=Now())


def quarantined_name(row: QuarantinedDocument) -> str:
    """Return the document's name, empty once it was deleted; inside its workspace."""
    return secret_open(row.name, purpose=PURPOSE) if row.name else ""


@transaction.atomic
def quarantine_decide(*, staff: Actor, row: QuarantinedDocument, delete: bool) -> None:
    """Have the document read again, or deleted, inside its workspace and on its record.

    Raises Conflict where it is set aside no more, LegalHold.
    """
    from documents.services import document_requeue, documents_expire  # they note the end

    document = Document.objects.select_for_update(of=("self",)).filter(id=row.document_id).first()
    if document is None or document.status != Status.FAILED or document.error_code not in CODES:
        raise Conflict("It is set aside no more; its workspace has seen to it.")
    audit_write(
        staff, action="document.quarantine_delete" if delete else "document.release",
        object_type="document", object_id=document.id, code=row.code, by="staff",
    )  # fmt: skip
    if delete:
        documents_expire([document.id])
    else:
        document_requeue(document)
