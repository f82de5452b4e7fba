"""Chunks in a Knowledge Base: put, removed and asked after, ten a call, all of it asynchronous.

Reached with the tenant's own credentials where the Knowledge Base is its own, else under the ops
role: no tenant's session may write to a shared one. Metadata is ours alone, built here: whoever
could write `tenantId` could read as another tenant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID, uuid4

from bedrock.errors import KnowledgeBusy
from bedrock.estimates import tokens_of
from bedrock.failures import failure_of
from bedrock.knowledge import TENANT_KEY
from bedrock.masking import mask
from bedrock.metering import call_open
from bedrock.models import KnowledgeBase
from bedrock.policy import policy_of
from bedrock.turnstile import place
from billing.units import Unit
from tenants.aws import BotoCoreError, ClientError, client, ops_client
from tenants.context import Actor, current

DOCUMENTS_A_CALL: Final = 10
VALUE_CHARACTERS: Final = 2048  # of a string attribute
RESERVED: Final = frozenset({TENANT_KEY.lower(), "documentid", "collectionid"})
RESERVED_PREFIXES: Final = ("x-amz-bedrock", "amazon_bedrock", "amazon-bedrock")
# The account's ten places were taken by somebody else, or its five starts a second.
_FULL: Final = ("concurrent", "rate")


@dataclass(frozen=True, slots=True)
class KnowledgeChunk:
    """A chunk to be put; `metadata` may hold what a document says of itself."""

    chunk_id: UUID
    text: str
    document_id: UUID
    metadata: Mapping[str, str] = field(default_factory=dict)


def chunks_put(base: KnowledgeBase, chunks: Sequence[KnowledgeChunk], *, actor: Actor) -> None:
    """Send at most ten chunks; indexed some time later. The same id is overwritten.

    The Knowledge Base has them embedded and tells no usage: the ledger gets our own upper bound,
    marked as an estimate. Raises RateLimited, QuotaExhausted and KnowledgeBusy, nothing being sent,
    and this app's errors.
    """
    if not 1 <= len(chunks) <= DOCUMENTS_A_CALL:
        raise ValueError(f"{len(chunks)} chunks; a call takes 1 to {DOCUMENTS_A_CALL}")
    masked = mask(
        [chunk.text for chunk in chunks], actor=actor, feature="ingest", request_id=uuid4()
    )
    chunks = [replace(chunk, text=text) for chunk, text in zip(chunks, masked, strict=True)]
    policy = policy_of(current(), "embedding")
    call = call_open(
        actor=actor,
        feature="ingest",
        request_id=uuid4(),
        operation="KnowledgeIngest",
        units={Unit.EMBEDDING: sum(tokens_of(chunk.text, policy.model) for chunk in chunks)},
        policy=policy,
    )
    try:
        with place("ingest"):
            _agent(base).ingest_knowledge_base_documents(
                **_place(base), documents=[_document(chunk) for chunk in chunks]
            )
    except (BotoCoreError, ClientError) as error:
        failure = failure_of(error)
        call.give_up(failure)
        raise _busy(error) or failure.error() from error
    except BaseException:
        call.cancel()
        raise
    call.estimate()


def chunks_delete(base: KnowledgeBase, chunk_ids: Sequence[UUID]) -> None:
    """Ask for the removal of at most ten chunks; ids that are not there are no error."""
    try:
        with place("delete"):
            _agent(base).delete_knowledge_base_documents(
                **_place(base), documentIdentifiers=[_identifier(one) for one in chunk_ids]
            )
    except (BotoCoreError, ClientError) as error:
        raise _busy(error) or failure_of(error).error() from error


def chunk_states(base: KnowledgeBase, chunk_ids: Sequence[UUID]) -> dict[UUID, tuple[str, str]]:
    """Return (status, reason) of at most ten chunks in the service's words, NOT_FOUND included."""
    try:
        answer: Any = _agent(base).get_knowledge_base_documents(
            **_place(base), documentIdentifiers=[_identifier(one) for one in chunk_ids]
        )
    except (BotoCoreError, ClientError) as error:
        raise _busy(error) or failure_of(error).error() from error
    return {
        UUID(found["identifier"]["custom"]["id"]): (found["status"], found.get("statusReason", ""))
        for found in answer["documentDetails"]
    }


def _agent(base: KnowledgeBase) -> Any:
    if base.tenant_id is not None:
        return client("bedrock-agent")
    return ops_client("bedrock-agent", base.region)


def _place(base: KnowledgeBase) -> dict[str, Any]:
    return {"knowledgeBaseId": base.knowledge_base_id, "dataSourceId": base.data_source_id}


def _identifier(chunk_id: UUID) -> dict[str, Any]:
    return {"dataSourceType": "CUSTOM", "custom": {"id": str(chunk_id)}}


def _document(chunk: KnowledgeChunk) -> dict[str, Any]:
    attributes = {
        **stripped(chunk.metadata),
        TENANT_KEY: str(current().id),
        "documentId": str(chunk.document_id),
    }
    return {
        "content": {
            "dataSourceType": "CUSTOM",
            "custom": {
                "customDocumentIdentifier": {"id": str(chunk.chunk_id)},
                "sourceType": "IN_LINE",
                "inlineContent": {"type": "TEXT", "textContent": {"data": chunk.text}},
            },
        },
        "metadata": {
            "type": "IN_LINE_ATTRIBUTE",
            "inlineAttributes": [
                {"key": key, "value": {"type": "STRING", "stringValue": value}}
                for key, value in attributes.items()
            ],
        },
    }


def stripped(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return what a document may say of itself: no key that the service or we decide by."""
    return {
        key: value[:VALUE_CHARACTERS]
        for key, value in metadata.items()
        if value
        and key.strip().lower() not in RESERVED
        and not key.strip().lower().startswith(RESERVED_PREFIXES)
    }


def _busy(error: Exception) -> KnowledgeBusy | None:
    """Tell a full account from a wrong request: AWS answers both with a ValidationException."""
    if not isinstance(error, ClientError):
        return None
    told = error.response["Error"]
    full = told["Code"] == "ValidationException" and any(
        word in told.get("Message", "").lower() for word in _FULL
    )
    if full or told["Code"] == "ThrottlingException":
        return KnowledgeBusy(retry_after=1)
    return None
