"""Rerank: have the passages found ordered by a model that reads query and passage together.

It is asked where the plan has it and the Region offers a model. Ranking keeps nobody safe, so
without an answer the order stays as it was; the attempt is recorded all the same.
https://docs.aws.amazon.com/bedrock/latest/userguide/rerank.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog

from bedrock import namedtexts
from bedrock.masking import mask
from bedrock.metering import call_open, connection_rest, sent
from bedrock.models import Model, Reranker, Tier
from bedrock.policy import Kept, Policy, guardrail_of
from billing.units import Unit
from tenants import governance
from tenants.aws import client
from tenants.context import Actor, TenantContext, current
from tenants.errors import TenantryError

log = structlog.get_logger(__name__)

PASSAGES_AT_MOST: Final = 100  # that one billed query covers
CHARACTERS_AT_MOST: Final = 32_000  # of the query, and of each passage

_kept = Kept()


@dataclass(frozen=True, slots=True)
class Reranked:
    """A score a text, 0 to 1, in order; `weight` is its share beside the score that it had."""

    scores: list[float]
    weight: float


def passages_reranked() -> int:
    """Return how many passages of a search the entered tenant's plan has reranked; 0: none."""
    plan = current().plan
    found = _kept.get(("plan", plan), version := governance.version())
    if not isinstance(found, int):
        row = Tier.objects.filter(plan=plan).values_list("reranked", flat=True).first()
        found = min(row or 0, PASSAGES_AT_MOST)
        _kept.put(("plan", plan), found, version)
    return found


def rerank(
    query: str, texts: Sequence[str], *, actor: Actor, feature: str, request_id: UUID
) -> Reranked | None:
    """Return how well each text answers and how much that counts; None where the order shall stay.

    One metered call of one query, for at most 100 texts. None when the Region offers no model,
    which the recorded decision says, and when the call was refused or brought no answer.
    """
    if not 1 <= len(texts) <= PASSAGES_AT_MOST:
        raise ValueError(f"{len(texts)} texts; a call takes 1 to {PASSAGES_AT_MOST}")
    tenant = current()
    model_id, weight = _model_of(tenant)
    query, *texts = mask([query, *texts], actor=actor, feature=feature, request_id=request_id)
    policy = _policy(tenant, model_id, len(texts))
    try:
        call = call_open(
            actor=actor,
            feature=feature,
            request_id=request_id,
            operation="Rerank",
            units={Unit.RERANK: 1} if model_id else {},
            policy=policy,
        )
        if not model_id:
            call.cancel()
            return None
        connection_rest()
        scores = sent(call, lambda: _asked(policy.profile_arn, query, texts))
        call.finish({Unit.RERANK: 1})
    except TenantryError as error:
        log.warning("rerank.left_out", code=error.code)
        return None
    return Reranked(scores, weight)


def _model_of(tenant: TenantContext) -> tuple[str, float]:
    """Return the reranking model of the tenant's Region with its weight, or nothing.

    It never leaves the Region.
    """
    found = _kept.get(("region", tenant.region), version := governance.version())
    if not isinstance(found, tuple):
        row = Reranker.objects.filter(region=tenant.region).first()
        found = (row.model_id, float(row.weight)) if row else ("", 0.0)
        _kept.put(("region", tenant.region), found, version)
    return found


def _policy(tenant: TenantContext, model_id: str, count: int) -> Policy:
    reason = (
        namedtexts.RERANKED % {"count": count}
        if model_id
        else namedtexts.NOT_RERANKED % {"region": tenant.region}
    )
    return Policy(
        region=tenant.region,
        role="rerank",
        model=Model(model_id=model_id, name=model_id),
        price_model=model_id or "none",
        profile_arn=f"arn:aws:bedrock:{tenant.region}::foundation-model/{model_id}"
        if model_id
        else "",
        guardrail=guardrail_of(tenant),
        reason=reason,
    )


def _asked(arn: str, query: str, texts: Sequence[str]) -> list[float]:
    answer: Any = client("bedrock-agent-runtime").rerank(
        queries=[{"type": "TEXT", "textQuery": {"text": query[:CHARACTERS_AT_MOST]}}],
        sources=[
            {
                "type": "INLINE",
                "inlineDocumentSource": {
                    "type": "TEXT",
                    "textDocument": {"text": text[:CHARACTERS_AT_MOST]},
                },
            }
            for text in texts
        ],
        rerankingConfiguration={
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": {
                "numberOfResults": len(texts),
                "modelConfiguration": {"modelArn": arn},
            },
        },
    )
    scores = [0.0] * len(texts)
    for result in answer["results"]:
        scores[result["index"]] = float(result["relevanceScore"])
    return scores
