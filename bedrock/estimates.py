"""Upper bounds for admission, reckoned here: counting at the service would cost a call."""

import json
import math
from collections.abc import Sequence
from typing import Final

from bedrock.calls import Json, ModelRequest
from bedrock.models import Model
from bedrock.pictures import without_pictures

# Spaces and line ends join the letters around them in every tokenizer in use.
JOINED: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ \n"
TEXT_UNIT: Final = 1000  # characters that a guardrail policy bills as one


def tokens_of(text: str, model: Model) -> int:
    """Return an upper bound of the tokens of `text`.

    Letters are reckoned by the model's own rate; every other byte as a token of its own, so that
    numbers, tables and other scripts are not underrated.
    """
    raw = text.encode()
    others = len(raw.translate(None, JOINED))
    return others + math.ceil((len(raw) - others) / float(model.letters_per_token))


def request_text(request: ModelRequest) -> str:
    """Return everything that the model is to read, with the syntax around it; no pictures."""
    parts: list[Sequence[Json] | str] = [request.system, without_pictures(request.messages)]
    if request.tools:
        parts.append(request.tools)
    return json.dumps(parts, ensure_ascii=False, default=str)


def units_of(characters: int) -> int:
    """Return the text units that one guardrail policy bills for this many characters."""
    return math.ceil(characters / TEXT_UNIT)
