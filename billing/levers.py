"""What the product's ways saved in a month beside the naive pipeline, from the ledger alone.

The naive pipeline answers with the frontier model, sends a whole document with every question,
caches nothing and embeds on demand. The way from its cost to what was paid goes through one lever
at a time, so that the savings add up to the difference exactly:

1. retrieval: passages in the prompt, not the whole document;
2. the small model by default, the frontier model where a step needs it;
3. caching of what prompts have in common;
4. batch prices for what need not be answered at once.

How long a document is, the ledger knows from what reading one embedded: the average of an embedding
request. A long document takes several, so that the figure is low rather than high. Guardrails,
reranking and storage cost the same on both sides and are left out.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.catalog import price_of
from billing.naming import model_name
from billing.units import Unit
from tenants.context import current_or_none
from tenants.registry.models import Tenant
from tenants.wording import grouped

QUESTIONS: Final = ("ask", "assistant")
READING: Final = ("input_tokens", "cache_read_tokens", "cache_write_tokens",
                  "cache_write_1h_tokens", "batch_input_tokens")  # fmt: skip
WRITING: Final = ("output_tokens", "batch_output_tokens")
EMBEDDING: Final = ("embedding_tokens", "batch_embedding_tokens")
CACHED: Final = ("cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
BATCH: Final = ("batch_input_tokens", "batch_output_tokens", "batch_embedding_tokens")
PLAIN: Final[Mapping[str, Unit]] = {
    **dict.fromkeys(READING, Unit.INPUT),
    **dict.fromkeys(WRITING, Unit.OUTPUT),
    **dict.fromkeys(EMBEDDING, Unit.EMBEDDING),
}

ROWS: Final = """
    SELECT tenant_id, feature, model, unit, price_usd, price_per, min(day),
           sum(quantity)::bigint, sum(usd)
      FROM billing_usageday
     WHERE month = %(month)s AND unit = ANY(%(units)s) AND price_usd >= 0
       AND (%(tenant)s::uuid IS NULL OR tenant_id = %(tenant)s)
     GROUP BY tenant_id, feature, model, unit, price_usd, price_per
"""
ASKED: Final = """
    SELECT tenant_id, coalesce(sum(requests) FILTER (
               WHERE month = %(month)s AND feature = ANY(%(questions)s)), 0)::bigint,
           coalesce(sum(quantity) FILTER (
               WHERE feature = 'ingest' AND unit = 'embedding_tokens'), 0)::bigint,
           coalesce(sum(model_requests) FILTER (
               WHERE feature = 'ingest' AND unit = 'embedding_tokens'), 0)::bigint
      FROM billing_usageday
     WHERE month <= %(month)s AND (%(tenant)s::uuid IS NULL OR tenant_id = %(tenant)s)
     GROUP BY tenant_id
"""
Models = Callable[[str], tuple[str, str]]
_models: list[Models] = []


def models_register(models_of: Models) -> None:
    """Tell a Region's frontier and small model, by their ids with the route before them."""
    _models[:] = [models_of]


def models_of(region: str) -> tuple[str, str]:
    """Return a Region's frontier and small model; empty where there is none."""
    return _models[0](region) if _models else ("", "")


class UsageRow(NamedTuple):
    """The ledger's sum of one unit at one price."""

    feature: str
    model: str
    unit: str
    price_usd: Decimal
    price_per: int
    day: date
    quantity: int
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Lever:
    """What one way saved; negative where it cost more. `how` says from which figures."""

    name: str
    saved: Decimal
    how: str


@dataclass(frozen=True, slots=True)
class Savings:
    """A month beside the naive pipeline. `naive - actual` is the sum of the levers."""

    naive: Decimal
    actual: Decimal
    levers: Sequence[Lever]
    frontier: str
    questions: int
    document_tokens: int

    @property
    def saved(self) -> Decimal:
        return self.naive - self.actual

    @property
    def ratio(self) -> Decimal | None:
        """How many times the naive pipeline would have cost what was paid."""
        return self.naive / self.actual if self.actual > 0 else None


def savings_of(
    rows: Iterable[UsageRow], *, frontier: str, questions: int, document_tokens: int
) -> Savings | None:
    """Return what the levers saved; None where nothing was used or the frontier has no price."""
    rows = list(rows)
    if not rows:
        return None
    day = max(row.day for row in rows)
    frontier_in = price_of(frontier, Unit.INPUT, day)
    frontier_out = price_of(frontier, Unit.OUTPUT, day)
    if frontier_in is None or frontier_out is None:
        return None
    own = {(row.model, row.unit): row.price_usd / row.price_per for row in rows}

    def plain(row: UsageRow) -> Decimal:
        """Return a row's cost without cache and batch."""
        unit = PLAIN[row.unit]
        if row.unit == unit.value:
            return row.usd
        price = own.get((row.model, unit.value))
        if price is None:
            found = price_of(row.model, unit, row.day)
            price = found.usd / found.per if found else row.price_usd / row.price_per
        return price * row.quantity

    def cost(several: Iterable[UsageRow], of: Callable[[UsageRow], Decimal]) -> Decimal:
        return sum((of(row) for row in several), Decimal(0))

    text = [row for row in rows if row.unit not in EMBEDDING]
    embedded = [row for row in rows if row.unit in EMBEDDING]
    asked_in = sum(r.quantity for r in text if r.feature in QUESTIONS and r.unit in READING)
    read = sum(r.quantity for r in text if r.unit in READING)
    written = sum(r.quantity for r in text if r.unit in WRITING)
    whole_documents = max(questions * document_tokens, asked_in)
    at_frontier = frontier_in.of(read) + frontier_out.of(written)
    naive_text = frontier_in.of(read - asked_in + whole_documents) + frontier_out.of(written)
    plain_text, plain_embedded = cost(text, plain), cost(embedded, plain)
    cached = [row for row in text if row.unit in CACHED]
    batch = [row for row in rows if row.unit in BATCH]
    saved_cache = cost(cached, plain) - cost(cached, lambda row: row.usd)
    saved_batch = cost(batch, plain) - cost(batch, lambda row: row.usd)
    from_cache = sum(row.quantity for row in cached if row.unit == "cache_read_tokens")
    in_batch = sum(row.quantity for row in batch)
    naive = naive_text + plain_embedded
    return Savings(
        naive=naive,
        actual=sum((row.usd for row in rows), Decimal(0)),
        levers=(
            Lever(
                _("Retrieval"),
                naive_text - at_frontier,
                ngettext(
                    "%(count)s question asked with the passages that answer, not with a whole"
                    " document of %(tokens)s tokens",
                    "%(count)s questions asked with the passages that answer, not with a whole"
                    " document of %(tokens)s tokens",
                    questions,
                )
                % {"count": grouped(questions), "tokens": grouped(document_tokens)}
                if document_tokens
                else _("no document was read yet, so that there is none to compare with"),
            ),
            Lever(
                _("Small model by default"),
                at_frontier - plain_text,
                _("beside every token at the price of %(model)s") % {"model": model_name(frontier)},
            ),
            Lever(
                _("Caching"),
                saved_cache,
                ngettext(
                    "%(count)s token read from the cache",
                    "%(count)s tokens read from the cache",
                    from_cache,
                )
                % {"count": grouped(from_cache)},
            ),
            Lever(
                _("Batch"),
                saved_batch,
                ngettext(
                    "%(count)s token at batch prices", "%(count)s tokens at batch prices", in_batch
                )
                % {"count": grouped(in_batch)},
            ),
        ),
        frontier=frontier,
        questions=questions,
        document_tokens=document_tokens,
    )


def savings(month: date, tenant_id: UUID | None = None) -> dict[UUID, Savings]:
    """Return each workspace's month; under a tenant's role, only its own is there."""
    by_tenant = usage_rows(month, tenant_id)
    with connection.cursor() as cursor:
        cursor.execute(ASKED, {"month": month, "tenant": tenant_id, "questions": list(QUESTIONS)})
        asked = {tenant: figures for tenant, *figures in cursor.fetchall()}
    found = {}
    frontier = _frontiers(by_tenant)
    for tenant in frontier.keys() & by_tenant.keys():
        questions, tokens, documents = asked.get(tenant, (0, 0, 0))
        one = savings_of(
            by_tenant[tenant],
            frontier=frontier[tenant],
            questions=questions,
            document_tokens=tokens // documents if documents else 0,
        )
        if one is not None:
            found[tenant] = one
    return found


def usage_rows(month: date, tenant_id: UUID | None = None) -> dict[UUID, list[UsageRow]]:
    """Return each workspace's use of models and embeddings; under its own role, only its own."""
    found: dict[UUID, list[UsageRow]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(ROWS, {"month": month, "tenant": tenant_id, "units": list(PLAIN)})
        for tenant, *row in cursor.fetchall():
            found[tenant].append(UsageRow(*row))
    return found


def _frontiers(tenants: Iterable[UUID]) -> dict[UUID, str]:
    """Return the frontier model of each workspace's Region, asked once a Region."""
    own = current_or_none()
    regions = (
        {own.id: own.region}
        if own is not None
        else dict(Tenant.objects.filter(id__in=list(tenants)).values_list("id", "region"))
    )
    models = {region: models_of(region)[0] for region in set(regions.values())}
    return {tenant: models[region] for tenant, region in regions.items()}
