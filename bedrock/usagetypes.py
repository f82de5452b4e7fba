"""AWS's usage types read as the ledger's units.

Names differ by model, seller and time: `USE1-NovaLite-input-tokens`,
`USE1-MP:USE1_InputTokenCount-Units`, `USW2-MP:USW2_output_tokens_standard-Units`. So the words
decide, whatever stands between them.
https://docs.aws.amazon.com/bedrock/latest/userguide/cost-mgmt-understanding-cur-data.html
"""

import re
from decimal import Decimal
from typing import Final

from billing.units import Unit

# The first that is found in the name, letters and digits alone, decides.
WORDS: Final = (
    ("checkcontent", Unit.GUARDRAIL_CHECK_CONTENT),
    ("checkpromptattack", Unit.GUARDRAIL_CHECK_ATTACK),
    ("checksensitive", Unit.GUARDRAIL_CHECK_PII),
    ("topicpolicy", Unit.GUARDRAIL_TOPIC),
    ("contentpolicyimage", Unit.GUARDRAIL_IMAGE),
    ("contentpolicy", Unit.GUARDRAIL_CONTENT),
    ("wordpolicy", Unit.GUARDRAIL_WORD),
    ("sensitiveinformationpolicyfree", Unit.GUARDRAIL_PII_REGEX),
    ("sensitiveinformationpolicy", Unit.GUARDRAIL_PII),
    ("contextualgrounding", Unit.GUARDRAIL_GROUNDING),
    ("searchunit", Unit.RERANK),
    ("retrieval", Unit.RETRIEVAL),
    ("cacheread", Unit.CACHE_READ),
    ("cachewrite1h", Unit.CACHE_WRITE_1H),
    ("cachewrite", Unit.CACHE_WRITE),
    ("embeddingtoken", Unit.EMBEDDING),
    ("inputtoken", Unit.INPUT),
    ("outputtoken", Unit.OUTPUT),
)
BATCH: Final = {
    Unit.INPUT: Unit.BATCH_INPUT,
    Unit.OUTPUT: Unit.BATCH_OUTPUT,
    Unit.EMBEDDING: Unit.BATCH_EMBEDDING,
}


def unit_of(usage_type: str, *, embeds: bool = False) -> Unit | None:
    """Return the ledger's unit of a usage type, None for what is no use of a model.

    `embeds`: the model embeds, so that its input tokens are embedding tokens.
    """
    name = re.sub(r"[^a-z0-9]", "", usage_type.lower())
    unit = next((unit for word, unit in WORDS if word in name), None)
    if unit is Unit.INPUT and embeds:
        unit = Unit.EMBEDDING
    return BATCH.get(unit, unit) if unit and "batch" in name else unit


def quantity_of(amount: Decimal, unit: Unit | None, *, counted_in: str, usage_type: str) -> Decimal:
    """Return an amount in the ledger's unit: AWS counts tokens by thousands, Marketplace millions.

    `counted_in` is what AWS says it counts: `1K tokens`, `Units`.
    """
    if unit is None or not unit.endswith("_tokens"):
        return amount
    counted = counted_in.lower()
    if counted.startswith("1k"):
        return amount * 1000
    if counted.startswith("1m") or "-MP:" in usage_type:
        return amount * 1_000_000
    return amount
