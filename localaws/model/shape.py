"""What makes a sentence less of an answer whatever it says: its shape alone."""

from __future__ import annotations

import re

from localaws.model.layout import Sentence
from localaws.model.meaning import bag, closeness

# What cannot be read without the sentence before it.
LEANS_BACK = re.compile(
    r"^(?:it|its|their|his|her|both|this|these|those|they|he|she|such|that|however|also"
    r"|in this case|the latter)\b"
    r"(?! (?:policy|plan|guide|handbook|document|release|agreement)\b)",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"^(?:if|when|where|unless|in case|should)\b", re.IGNORECASE)
_CODE = re.compile(
    r"^(?:Function|Typedef|Struct|Enum|Macro):? |[;{}]$|^(?:const|static|int|void|unsigned)\b"
)
_CODE_SIGNS = "(){}[];=*<>|"
_SIGNS_OF_CODE = 1 / 12  # share of a line's characters from which on it is code
_CLOSED = re.compile(r"[.!?:;]['\"”’)\]]*$")


def shape_costs(sentence: Sentence, length: int, question: str) -> float:
    """What a sentence of so many terms loses."""
    costs = 0.04 if length > 45 else 0.0
    costs += 0.10 if sentence.text.endswith("?") else 0.0
    costs += 0.03 if _CONDITION.match(sentence.text) and " if " not in question else 0.0
    costs += 0.10 if sentence.is_label else 0.0
    if sentence.row:
        label = bag(sentence.row.cells[sentence.row.label][1])
        asked = bag(question)
        return costs + 0.015 * min(4, sum(1 for t in label if not closeness(t, asked)))
    costs += 0.10 if length < 3 else 0.0
    costs += 0.10 if _is_code(sentence.text) else 0.0
    whole = sentence.is_item or sentence.is_label or _CLOSED.search(sentence.text)
    return costs if whole else costs + 0.06


def _is_code(text: str) -> bool:
    """Whether a line is a program's, not a person's."""
    signs = sum(text.count(sign) for sign in _CODE_SIGNS)
    return _CODE.search(text) is not None or signs > len(text) * _SIGNS_OF_CODE
