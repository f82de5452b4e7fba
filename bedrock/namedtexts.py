"""Texts that are put together or kept in data files, named so that their translations are found.

What is stored of them is English; pages and REST say them in the reader's language.
"""

import re
from typing import Final

from django.utils.translation import gettext, gettext_noop

from tenants.numbers import written
from tenants.wording import retold

# Sums of tokens and scores, as a kept reason has them.
_NUMBER: Final = re.compile(r"\b\d{1,3}(?:,\d{3})+\b|\b\d\.\d{2}\b")

# What the service calls its findings, as `bedrock.told` writes them.
FINDINGS: Final = (
    gettext_noop("address"),
    gettext_noop("age"),
    gettext_noop("AWS access key"),
    gettext_noop("AWS secret key"),
    gettext_noop("CA health number"),
    gettext_noop("CA social insurance number"),
    gettext_noop("credit or debit card CVV"),
    gettext_noop("credit or debit card expiry"),
    gettext_noop("credit or debit card number"),
    gettext_noop("driver id"),
    gettext_noop("email"),
    gettext_noop("international bank account number"),
    gettext_noop("IP address"),
    gettext_noop("license plate"),
    gettext_noop("mac address"),
    gettext_noop("name"),
    gettext_noop("password"),
    gettext_noop("phone"),
    gettext_noop("PIN"),
    gettext_noop("swift code"),
    gettext_noop("UK national health service number"),
    gettext_noop("UK national insurance number"),
    gettext_noop("UK unique taxpayer reference number"),
    gettext_noop("url"),
    gettext_noop("username"),
    gettext_noop("US bank account number"),
    gettext_noop("US bank routing number"),
    gettext_noop("US individual tax identification number"),
    gettext_noop("US passport number"),
    gettext_noop("US social security number"),
    gettext_noop("vehicle identification number"),
    gettext_noop("hate"),
    gettext_noop("insults"),
    gettext_noop("misconduct"),
    gettext_noop("sexual"),
    gettext_noop("violence"),
    gettext_noop("jailbreak"),
    gettext_noop("prompt injection"),
    gettext_noop("prompt leakage"),
    gettext_noop("prompt attack"),
    gettext_noop("profanity"),
    gettext_noop("grounding"),
    gettext_noop("relevance"),
)

# Of the definitions in data/postures.json.
POSTURES: Final = (
    gettext_noop("For customers of every kind: harmful content and prompt attacks are refused."),
    gettext_noop(
        "This question cannot be answered here: it goes against your workspace's "
        "content rules. Rephrase it, or ask an admin of your workspace."
    ),
    gettext_noop(
        "The answer was withheld: it goes against your workspace's content rules. "
        "Rephrase the question, or ask an admin of your workspace."
    ),
    gettext_noop(
        "For regulated work: as general but stricter, and personal data is masked on both sides."
    ),
    gettext_noop("For a company's own staff: only what is plainly harmful is refused."),
)

# Why a model served, as a decision keeps it; `reason_told` says it again.
BUDGET: Final = gettext_noop(
    "small, since what is left of the allowance does not reach for: %(reason)s"
)
ADMINS: Final = gettext_noop("small, since your admins allow no other for: %(reason)s")
THOROUGH: Final = gettext_noop("frontier, since you asked for a thorough answer")
SERVES: Final = gettext_noop("frontier, since it serves %(feature)s in this plan")
GROUNDED: Final = gettext_noop(
    "frontier, since the answer before was grounded to %(score)s, below %(least)s"
)
ROUNDS: Final = gettext_noop("frontier, after %(rounds)s rounds of tools")
TOKENS: Final = gettext_noop("frontier, since there are about %(tokens)s tokens to read")
FIRST: Final = gettext_noop("small, the first choice")
FRONTIER_SEES: Final = gettext_noop("frontier, since the small model sees no pictures")
SMALL_SEES: Final = gettext_noop("small, since the frontier model sees no pictures")
RERANKED: Final = gettext_noop("the plan has the best %(count)s passages reranked")
PASSAGES_CHECKED: Final = gettext_noop("which passages of documents the content rules refuse")
PASSAGE_CHECKED: Final = gettext_noop(
    "whether the content rules refuse a passage of the document %(document)s"
)
NOT_RERANKED: Final = gettext_noop("not reranked: %(region)s offers no reranking model")


def blocked_told(text: str) -> str:
    """Return what a guardrail says of a block, in the reader's language."""
    return gettext(text) if text in POSTURES else text


def reason_told(stored: str) -> str:
    """Return why a model served, in the reader's language."""
    for outer in (BUDGET, ADMINS):
        begins = outer.partition("%")[0]
        if stored.startswith(begins):
            return gettext(outer) % {"reason": reason_told(stored.removeprefix(begins))}
    told = retold(
        stored, THOROUGH, SERVES, GROUNDED, ROUNDS, TOKENS, FIRST, FRONTIER_SEES, SMALL_SEES,
        RERANKED, NOT_RERANKED, PASSAGES_CHECKED, PASSAGE_CHECKED,
    )  # fmt: skip
    return _NUMBER.sub(lambda number: written(number[0]), told)
