"""What is counted, and which meter of a plan each count moves.

A *unit* is what a price row prices and a ledger row counts. A *metric* is what a plan limits and a
meter shows: several units add up to one metric.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class Unit(StrEnum):
    """One billable thing; the value is its name in the ledger, in prices and in the API."""

    INPUT = "input_tokens"
    OUTPUT = "output_tokens"
    CACHE_READ = "cache_read_tokens"
    CACHE_WRITE = "cache_write_tokens"
    CACHE_WRITE_1H = "cache_write_1h_tokens"
    BATCH_INPUT = "batch_input_tokens"
    BATCH_OUTPUT = "batch_output_tokens"
    EMBEDDING = "embedding_tokens"
    BATCH_EMBEDDING = "batch_embedding_tokens"
    # Guardrail text units, of up to 1,000 characters each, counted once for every policy. The
    # general one is for estimates made before it is known which policies will run.
    GUARDRAIL = "guardrail_units"
    GUARDRAIL_CONTENT = "guardrail_content_units"
    GUARDRAIL_IMAGE = "guardrail_image_units"  # a picture each
    GUARDRAIL_TOPIC = "guardrail_topic_units"
    GUARDRAIL_PII = "guardrail_pii_units"
    GUARDRAIL_PII_REGEX = "guardrail_pii_regex_units"
    GUARDRAIL_WORD = "guardrail_word_units"
    GUARDRAIL_GROUNDING = "guardrail_grounding_units"
    GUARDRAIL_CHECK_CONTENT = "guardrail_check_content_units"
    GUARDRAIL_CHECK_ATTACK = "guardrail_check_attack_units"
    GUARDRAIL_CHECK_PII = "guardrail_check_pii_units"
    RERANK = "rerank_queries"
    RETRIEVAL = "kb_retrievals"
    STORAGE = "storage_byte_days"
    SEAT = "seats"


class Metric(StrEnum):
    """What a plan includes an amount of."""

    MODEL_TOKENS = "model_tokens"
    EMBEDDING_TOKENS = "embedding_tokens"
    GUARDRAIL_UNITS = "guardrail_units"
    SPEND = "spend_usd"
    STORAGE = "storage_bytes"


GUARDRAIL_KEY: Final = "amazon.bedrock-guardrails"
"""Guardrail units cost the same with every model: this is the model of their price rows."""

KNOWLEDGE_KEY: Final = "amazon.bedrock-knowledge-bases"
"""Retrievals cost the same with every embedding model: this is the model of their price rows."""

STORAGE_KEY: Final = "amazon.s3"
"""Stored bytes cost the same whatever they are: this is the model of their price rows."""

METRIC_OF: Final[Mapping[Unit, Metric]] = {
    Unit.INPUT: Metric.MODEL_TOKENS,
    Unit.OUTPUT: Metric.MODEL_TOKENS,
    Unit.CACHE_READ: Metric.MODEL_TOKENS,
    Unit.CACHE_WRITE: Metric.MODEL_TOKENS,
    Unit.CACHE_WRITE_1H: Metric.MODEL_TOKENS,
    Unit.BATCH_INPUT: Metric.MODEL_TOKENS,
    Unit.BATCH_OUTPUT: Metric.MODEL_TOKENS,
    Unit.EMBEDDING: Metric.EMBEDDING_TOKENS,
    Unit.BATCH_EMBEDDING: Metric.EMBEDDING_TOKENS,
    **{unit: Metric.GUARDRAIL_UNITS for unit in Unit if unit.startswith("guardrail_")},
}

METRIC_LABEL: Final[Mapping[Metric, "StrOrPromise"]] = {
    Metric.MODEL_TOKENS: _("Model tokens"),
    Metric.EMBEDDING_TOKENS: _("Embedding tokens"),
    Metric.GUARDRAIL_UNITS: _("Guardrail text units"),
    Metric.SPEND: _("AI spend"),
    Metric.STORAGE: _("Storage"),
}

METRIC_INSIDE: Final[Mapping[Metric, "StrOrPromise"]] = {
    Metric.MODEL_TOKENS: _("model tokens"),
    Metric.EMBEDDING_TOKENS: _("embedding tokens"),
    Metric.GUARDRAIL_UNITS: _("guardrail text units"),
    Metric.SPEND: _("ai spend"),
    Metric.STORAGE: _("storage"),
}
"""The same inside a sentence."""

# Stable: REST gives them too. `billing.refusals.quantity` writes them for people.
METRIC_UNIT: Final[Mapping[Metric, str]] = {
    Metric.MODEL_TOKENS: gettext_noop("tokens"),
    Metric.EMBEDDING_TOKENS: gettext_noop("tokens"),
    Metric.GUARDRAIL_UNITS: gettext_noop("text units"),
    Metric.SPEND: "USD",
    Metric.STORAGE: "bytes",
}

# Counted over the calendar month; storage is a level, not a flow, and never resets.
MONTHLY: Final = tuple(metric for metric in Metric if metric is not Metric.STORAGE)


def amounts(units: Mapping[Unit, int]) -> dict[Metric, Decimal]:
    """Add `units` up to the metrics that count them. Money is added by who knows the prices."""
    found: dict[Metric, Decimal] = {}
    for unit, quantity in units.items():
        metric = METRIC_OF.get(Unit(unit))
        if metric is not None:
            found[metric] = found.get(metric, Decimal(0)) + quantity
    return found


def array(values: Iterable[object]) -> str:
    """Return names or numbers as PostgreSQL writes an array: a list takes the driver far longer."""
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"


def checked(units: Mapping[Unit, int]) -> dict[Unit, int]:
    """Return `units` without zeros. Raises ValueError for a negative or an unknown one."""
    found = {}
    for unit, quantity in units.items():
        if quantity < 0:
            raise ValueError(f"{unit} is {quantity}: usage is never negative.")
        if quantity:
            found[Unit(unit)] = int(quantity)
    return found
