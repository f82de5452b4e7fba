"""The bill's lines: usage under AWS's own names, with its price, and with what a test has injected.

Models of third parties are sold through AWS Marketplace: other usage types, counted in millions,
under a product of their own. The names follow
https://docs.aws.amazon.com/bedrock/latest/userguide/cost-mgmt-understanding-cur-data.html and what
bills have shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from localaws import catalog
from localaws.cost.book import PRINCIPAL, Book, Row
from localaws.cost.drift import Injected
from localaws.cost.rates import GUARDRAILS, rate_of

_REGIONS = {
    "us-east-1": "USE1", "us-east-2": "USE2", "us-west-1": "USW1", "us-west-2": "USW2",
    "ca-central-1": "CAN1", "eu-central-1": "EUC1", "eu-west-1": "EUW1", "eu-west-2": "EUW2",
    "eu-west-3": "EUW3", "ap-northeast-1": "APN1", "ap-northeast-3": "APN3",
    "ap-southeast-1": "APS1", "ap-southeast-2": "APS2", "ap-southeast-4": "APS6",
}  # fmt: skip
_AWS = {
    "input_tokens": "input-tokens",
    "output_tokens": "output-tokens",
    "cache_read_tokens": "cache-read-input-token-count",
    "cache_write_tokens": "cache-write-input-token-count",
    "cache_write_1h_tokens": "cache-write-1h-input-token-count",
    "batch_input_tokens": "input-tokens-batch",
    "batch_output_tokens": "output-tokens-batch",
    "embedding_tokens": "embedding-tokens",
    "batch_embedding_tokens": "embedding-tokens-batch",
    "rerank_queries": "search-units",
    "kb_retrievals": "retrievals",
    "guardrail_topic_units": "TopicPolicyUnitsConsumed",
    "guardrail_content_units": "ContentPolicyUnitsConsumed",
    "guardrail_image_units": "ContentPolicyImageUnitsConsumed",
    "guardrail_word_units": "WordPolicyUnitsConsumed",
    "guardrail_pii_units": "SensitiveInformationPolicyPIIUnitsConsumed",
    "guardrail_pii_regex_units": "SensitiveInformationPolicyFreeUnitsConsumed",
    "guardrail_grounding_units": "ContextualGroundingPolicyUnitsConsumed",
    "guardrail_check_content_units": "CheckContentFilterUnitsConsumed",
    "guardrail_check_attack_units": "CheckPromptAttackUnitsConsumed",
    "guardrail_check_pii_units": "CheckSensitiveInformationUnitsConsumed",
}
_MARKETPLACE = {
    "input_tokens": "InputTokenCount",
    "output_tokens": "OutputTokenCount",
    "cache_read_tokens": "CacheReadInputTokenCount",
    "cache_write_tokens": "CacheWriteInputTokenCount",
    "cache_write_1h_tokens": "CacheWrite1hInputTokenCount",
    "batch_input_tokens": "InputTokenCount_Batch",
    "batch_output_tokens": "OutputTokenCount_Batch",
    "embedding_tokens": "EmbeddingTokenCount",
    "batch_embedding_tokens": "EmbeddingTokenCount_Batch",
    "rerank_queries": "SearchUnitCount",
}
_TOKENS = "_tokens"


@dataclass(frozen=True)
class Line:
    """One line: usage of an hour, or of a longer time where lines were added up."""

    start: datetime
    end: datetime
    account: str
    region: str
    entity: str
    product_code: str
    product_name: str
    usage_type: str
    operation: str
    resource: str
    principal: str
    tags: tuple[tuple[str, str], ...]  # of both kinds, by their keys as cost allocation tags
    amount: Decimal
    pricing_unit: str
    rate: Decimal
    cost: Decimal
    description: str
    # What tells lines apart that read alike: streams from calls (Marketplace bills both as usage),
    # and tags that do not count for cost allocation.
    source: str = ""

    @property
    def day(self) -> date:
        """The day it belongs to."""
        return self.start.date()

    def identity(self) -> str:
        """What makes it another line than others of its time."""
        where = (self.start, self.end, self.account, self.region, self.resource, self.principal)
        parts = (*where, self.product_code, self.usage_type, self.operation, self.tags, self.source)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:52]


def lines(book: Book, injected: Injected, account: str, start: date, end: date) -> Iterator[Line]:
    """The lines of some days, `end` exclusive, in the order of their hours."""
    active = book.active(account)
    for row in book.rows(account, start.isoformat(), end.isoformat()):
        if not injected.withholds(row):
            yield _line(row, active, injected)


def _line(row: Row, active: frozenset[str], injected: Injected) -> Line:
    base, _, tier = row.model.partition("@")
    model = catalog.models().get(base)
    market = model is not None and model.provider in ("Anthropic", "Cohere")
    tokens = row.unit.endswith(_TOKENS)
    per = (1_000_000 if market else 1000) if tokens else 1
    amount = injected.drifted(row, Decimal(row.amount))
    rate = rate_of(row.model, row.route, row.unit, row.hour.date())
    place = _REGIONS.get(row.region, row.region.upper())
    product = f"{model.name} (Amazon Bedrock Edition)" if market and model else "Amazon Bedrock"
    tags = {k: v for k, v in row.resource_tags.items() if k in active}
    tags |= {PRINCIPAL + k: v for k, v in row.principal_tags.items() if PRINCIPAL + k in active}
    usage_type = (
        f"{place}-MP:{place}_{_MARKETPLACE[row.unit]}{_suffix(row, tier, '_')}-Units"
        if market
        else f"{place}-{_name(row.model, model)}{_AWS[row.unit]}{_suffix(row, tier, '-')}"
    )
    price = rate.usd / rate.per * per if rate else Decimal(0)
    return Line(
        start=row.hour,
        end=row.hour + timedelta(hours=1),
        account=row.account,
        region=row.region,
        entity="AWS Marketplace" if market else "AWS",
        product_code=_code(base) if market else "AmazonBedrock",
        product_name=product,
        usage_type=usage_type,
        operation="Usage" if market else row.operation,
        resource=row.resource,
        principal=row.principal,
        tags=tuple(sorted(tags.items())),
        amount=amount / per,
        pricing_unit="Units" if market else "1K tokens" if tokens else "Units",
        rate=price,
        cost=rate.of(amount) if rate else Decimal(0),
        description=f"AWS Marketplace software usage|{row.region}|Million "
        f"{row.unit.replace('_', ' ').title()}"
        if market and tokens
        else f"${price:f} per {'1K tokens' if tokens else 'unit'} for {usage_type}",
        source=repr((row.operation, row.route, row.resource_tags, row.principal_tags)),
    )


def _name(model: str, found: catalog.FoundationModel | None) -> str:
    if model == GUARDRAILS:
        return "Guardrail-"
    if found is None:
        return "KnowledgeBase-"
    return found.name.replace("Nova 2 ", "Nova 2.0 ").replace(" ", "") + "-"


def _suffix(row: Row, tier: str, dash: str) -> str:
    found = f"{dash}{tier}" if tier else ""
    if row.route == "global":
        found += "_Global" if dash == "_" else "-cross-region-global"
    return found


def _code(model: str) -> str:
    """A Marketplace product's code says nothing of what it is."""
    return hashlib.sha256(model.encode()).hexdigest()[:25]
