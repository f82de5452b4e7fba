"""The step between reading and embedding: personal data is replaced, once a guardrail version.

What was found in each part is kept as soon as it is paid for, so that a delivery that follows a
crash asks only for the rest. The masked text, its map and the guardrail's version appear together;
only then is anything of the document cut, embedded or indexed.
"""

import hashlib
from typing import Final
from uuid import uuid4

import structlog
from django.db.models import QuerySet

from bedrock.errors import NotProvisioned
from bedrock.gateway import TextBlocked, mask, mask_version, stretch_entities
from bedrock.offsets import Found, Masking, parts, spread
from documents.lease import Lease
from documents.models import Document, DocumentText, MaskedPart, Status
from documents.renditions import Rendition, masked, original, rendition
from tenants.context import Actor

log = structlog.get_logger(__name__)

BEGUN: Final = 0.1  # progress when the first part is asked for
DONE: Final = 0.4
FEATURE: Final = "ingest"
NAMELESS: Final = "{BLOCKED}"  # a name that the content rules refuse


def mask_document(lease: Lease, content: DocumentText) -> Rendition:
    """Return the text to go on with: masked with the posture's guardrail as it is now, if it masks.

    Raises MaskUnproven where a part's mask cannot be traced back to its original: the document
    fails, and nothing of it is sent on. Raises LeaseLost and what the gateway raises.
    """
    version = mask_version()
    document = lease.document
    if document.masked_with == version:
        return rendition(content)
    if not version:
        with lease.locked():
            DocumentText.objects.filter(document_id=document.id).update(masked=None, mask_spans=[])
            lease.write(masked_name="", masked_with="")
        document.masked_name = document.masked_with = ""
        return original(content)
    masking = Masking.of(content.text, _found(lease, content.text, version))
    name, title = _names(lease)
    with lease.locked():
        DocumentText.objects.filter(document_id=document.id).update(
            masked=masking.text, mask_spans=masking.spans()
        )
        lease.progress(
            progress=DONE, masked_name=name[:300], title=title[:300], masked_with=version
        )
        MaskedPart.objects.filter(document_id=document.id).delete()
    document.masked_name, document.title, document.masked_with = name[:300], title[:300], version
    log.info("documents.masked", document_id=str(document.id), entities=len(masking.found))
    return masked(content, masking)


def mask_stale(document: Document) -> bool:
    """Return whether a ready document was masked by other rules than those of today, or by none."""
    if document.status != Status.READY or document.replaced_at is not None:
        return False
    try:
        version = mask_version()
    except NotProvisioned:
        return False
    return bool(version) and document.masked_with != version


def stale_documents() -> QuerySet[Document]:
    """Return the ready documents of the entered tenant that are to be masked again.

    Those that were never masked come first: until they are, they are not retrieved. Replaced
    versions stay as they are: nothing retrieves them, and one without a mask is shown to nobody
    who may not see the original.
    """
    version = mask_version()
    if not version:
        return Document.objects.none()
    ready = Document.objects.filter(status=Status.READY, replaced_at=None)
    return ready.exclude(masked_with=version).order_by("masked_with", "created_at")


def _found(lease: Lease, text: str, version: str) -> list[Found]:
    """Return what is to be masked in the whole text, asking for what is not kept yet."""
    document = lease.document
    kept = {
        part.start: part
        for part in MaskedPart.objects.filter(document_id=document.id, guardrail=version)
    }
    found: list[Found] = []
    for start, end in parts(text):
        digest = hashlib.sha256(text[start:end].encode("utf-8", "surrogatepass")).hexdigest()
        part = kept.get(start)
        if part is None or part.digest != digest:
            own = stretch_entities(
                text[start:end], actor=_actor(lease), feature=FEATURE, request_id=uuid4()
            )
            with lease.locked():
                part, _ = MaskedPart.objects.update_or_create(
                    document_id=document.id,
                    start=start,
                    defaults={
                        "guardrail": version,
                        "digest": digest,
                        "found": [[entity.start, entity.end, entity.kind] for entity in own],
                    },
                )
                lease.progress(progress=BEGUN + (DONE - BEGUN) * end / len(text))
        found += [Found(start + first, start + last, kind) for first, last, kind in part.found]
    return spread(text, found)


def _names(lease: Lease) -> tuple[str, str]:
    """Return the document's name and title, masked."""
    given = [lease.document.name, lease.document.title]
    try:
        name, title = mask(given, actor=_actor(lease), feature=FEATURE, request_id=uuid4())
    except TextBlocked:
        return NAMELESS, ""
    return name, title


def masked_name_of(actor: Actor, name: str) -> str:
    """Return a document's new name as retrieval and prompts have it: a metered call, or none."""
    try:
        [masked] = mask([name], actor=actor, feature=FEATURE, request_id=uuid4())
    except TextBlocked:
        return NAMELESS
    return masked[:300]


def _actor(lease: Lease) -> Actor:
    return Actor(user_id=lease.document.created_by_id, role="member", kind="task")
