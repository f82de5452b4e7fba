"""Passages that the content rules refuse: found when an answer was blocked, and left out.

The guardrail judges a prompt whole, passages and question together, so one document that gives a
model orders, or says what is refused, would stand in the way of every question that it is found
for. Where an answer was blocked its passages are judged alone; those refused are left out and told,
and the rest answers. Nothing is let through that the guardrail refused.
"""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from bedrock.gateway import apply_guardrail
from bedrock.namedtexts import PASSAGE_CHECKED, PASSAGES_CHECKED
from documents.prompts import passages_block
from search.retrieval import Passage
from tenants.context import Actor
from tenants.wording import quoted

REFUSED = "passage_refused"
"""The stable code of a passage that was left out."""


def passages_refused(
    passages: Sequence[Passage],
    *,
    side: Literal["input", "output"],
    actor: Actor,
    feature: str,
    request_id: UUID,
) -> list[Passage]:
    """Return the passages that the guardrail refuses on the side on which it blocked an answer.

    One metered check of all together, then one of each where that is refused: none of them means
    that the question, or the model's own words, are why. Raises this app's errors.
    """

    def refused(some: Sequence[Passage], reason: str) -> bool:
        verdict = apply_guardrail(
            [passages_block(some)],
            source="INPUT" if side == "input" else "OUTPUT",
            actor=actor,
            feature=feature,
            request_id=request_id,
            reason=reason,
        )
        return verdict.action == "blocked"

    if not passages or not refused(passages, PASSAGES_CHECKED):
        return []
    return [
        passage
        for passage in passages
        if refused([passage], PASSAGE_CHECKED % {"document": passage.document_id})
    ]


def withheld_told(passages: Sequence[Passage]) -> str:
    """Return which documents were not used, and why: a sentence."""
    names = list(dict.fromkeys(quoted(passage.document_name) for passage in passages))
    return _("Not used, since the content rules refuse passages of it: %(names)s.") % {
        "names": get_text_list(names, _("and"))
    }
