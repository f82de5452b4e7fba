"""Retrieve from a Knowledge Base: the one function that does, and keeps tenants apart there.

IAM cannot force a Knowledge Base's filter. So a shared one is read under a role that no tenant's
session can take, by `_asked` alone, which builds the filter from the entered tenant, asserts the
tenant of every result, and lets nothing pass but chunk ids and scores: texts come from the tenant's
own schema, where each chunk is looked up again.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Retrieve.html
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import structlog

from bedrock.errors import KnowledgeBusy
from bedrock.estimates import tokens_of
from bedrock.knowledge_bases import base_of
from bedrock.masking import mask
from bedrock.metering import call_open, connection_rest, sent
from bedrock.models import KnowledgeBase, KnowledgePool
from bedrock.policy import policy_of
from bedrock.turnstile import retrieval_place
from billing.units import Unit
from tenants.aws import client, retrieval_client
from tenants.context import Actor, TenantContext, current

log = structlog.get_logger(__name__)

TENANT_KEY: Final = "tenantId"
RESULTS_AT_MOST: Final = 100
VALUES_AT_MOST: Final = 200  # in one condition
DOCUMENTS_AT_MOST: Final = 1_000  # in one filter; beyond, the caller's own check has to do
QUERY_CHARACTERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Found:
    """A chunk that a Knowledge Base names; `score` is its cosine with the query."""

    chunk_id: UUID
    score: float


def knowledge_retrieve(
    query: str,
    *,
    actor: Actor,
    feature: str,
    request_id: UUID,
    count: int = RESULTS_AT_MOST,
    document_ids: Collection[UUID] | None = None,
    without_ids: Collection[UUID] | None = None,
) -> list[Found]:
    """Return the chunks of the entered tenant nearest to the query, best first; one metered call.

    Those of `document_ids` alone, or of all documents but `without_ids`, where these are given.
    The Knowledge Base embeds the query itself and tells no usage: the ledger gets our own upper
    bound of its tokens, marked as an estimate. Raises RateLimited and QuotaExhausted, nothing being
    sent, NotProvisioned where the tenant's target has no Knowledge Base, and this app's errors.
    """
    tenant = current()
    base = base_of(tenant)
    if base is None:
        raise ValueError(f"{tenant.slug} retrieves from its own schema.")
    [query] = mask([query], actor=actor, feature=feature, request_id=request_id)
    query = query[:QUERY_CHARACTERS]
    policy = replace(
        policy_of(tenant, "embedding"),
        profile_arn=base.arn,
        reason="the workspace's own Knowledge Base"
        if base.tenant_id
        else "the Region's shared Knowledge Base, filtered by workspace",
    )
    units = {Unit.RETRIEVAL: 1, Unit.EMBEDDING: tokens_of(query, policy.model)}
    call = call_open(
        actor=actor,
        feature=feature,
        request_id=request_id,
        operation="Retrieve",
        units=units,
        policy=policy,
    )
    asked = _conditions(tenant, document_ids, without_ids)
    connection_rest()
    try:
        with retrieval_place(base.knowledge_base_id):
            found = sent(call, lambda: _asked(tenant, base, query, asked, count))
    except KnowledgeBusy:  # nothing was sent
        call.cancel()
        raise
    call.finish(units, estimated=True)
    return found


def _conditions(
    tenant: TenantContext,
    document_ids: Collection[UUID] | None,
    without_ids: Collection[UUID] | None,
) -> dict[str, Any]:
    """Return the filter: always the tenant, in a Knowledge Base of its own too."""
    conditions: list[dict[str, Any]] = [{"equals": {"key": TENANT_KEY, "value": str(tenant.id)}}]
    kept, left_out = _parts("in", document_ids), _parts("notIn", without_ids)
    conditions += kept if len(kept) < 2 else [{"orAll": kept}]
    conditions += left_out
    return conditions[0] if len(conditions) == 1 else {"andAll": conditions}


def _parts(operator: str, documents: Collection[UUID] | None) -> list[dict[str, Any]]:
    """Return conditions of `VALUES_AT_MOST` documents each; none for none and for too many."""
    if not documents or len(documents) > DOCUMENTS_AT_MOST:
        return []
    values = sorted(str(one) for one in documents)
    return [
        {operator: {"key": "documentId", "value": values[at : at + VALUES_AT_MOST]}}
        for at in range(0, len(values), VALUES_AT_MOST)
    ]


def _asked(
    tenant: TenantContext, base: KnowledgeBase, query: str, asked: dict[str, Any], count: int
) -> list[Found]:
    """The only caller of Retrieve."""
    own = base.tenant_id is not None
    if own and base.tenant_id != tenant.id:
        raise PermissionError(f"{base.name} is not {tenant.slug}'s.")
    kind = "managed" if base.kind == KnowledgePool.Kind.MANAGED else "vector"
    runtime: Any = client("bedrock-agent-runtime") if own else retrieval_client(tenant.region)
    answer = runtime.retrieve(
        knowledgeBaseId=base.knowledge_base_id,
        retrievalQuery={"text": query},
        retrievalConfiguration={
            f"{kind}SearchConfiguration": {
                "numberOfResults": min(count, RESULTS_AT_MOST),
                "filter": asked,
            }
        },
    )
    return _own_results(tenant, base, answer["retrievalResults"])


def _own_results(tenant: TenantContext, base: KnowledgeBase, results: Sequence[Any]) -> list[Found]:
    """Return ids and scores of the tenant's own chunks; anything else is dropped and reported."""
    kept, foreign = [], 0
    for result in results:
        location = result.get("location", {}).get("customDocumentLocation", {})
        if result.get("metadata", {}).get(TENANT_KEY) != str(tenant.id):
            foreign += 1
            continue
        try:
            kept.append(Found(UUID(location.get("id", "")), float(result.get("score", 0.0))))
        except ValueError:
            foreign += 1
    if foreign:
        log.error("knowledge.foreign_results", knowledge_base=base.name, count=foreign)
    return kept
