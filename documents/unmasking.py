"""Show a masked document as it was uploaded: to whom may see it, and never without an audit row."""

from bedrock.gateway import masks
from documents.access import may_unmask
from documents.errors import UnmaskForbidden
from documents.models import Document, DocumentText
from documents.renditions import Rendition, original, rendition
from tenants.accounts.audit import audit_write
from tenants.context import Actor


def text_shown(
    *, actor: Actor, document: Document, content: DocumentText, unmasked: bool = False
) -> Rendition:
    """Return the text to show: the masked one, or with `unmasked` the one that was uploaded.

    Raises UnmaskForbidden for the latter, and where a document was read before its workspace
    began to mask and is not masked yet.
    """
    if content.masked is None and not masks():
        return original(content)
    if content.masked is not None and not unmasked:
        return rendition(content)
    unmask(actor=actor, document=document, what="text")
    return original(content)


def original_checked(*, actor: Actor, document: Document) -> None:
    """Let the uploaded file of a document be fetched. Raises UnmaskForbidden."""
    if document.masked_with or masks():
        unmask(actor=actor, document=document, what="file")


def unmask(*, actor: Actor, document: Document, what: str) -> None:
    """Record that the actor sees personal data in `what` of the document.

    Raises UnmaskForbidden.
    """
    if not may_unmask(actor):
        raise UnmaskForbidden
    audit_write(
        actor, action="document.unmask", object_type="document", object_id=document.id, what=what
    )
