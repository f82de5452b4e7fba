"""Made-up words that carry their workspace: wherever one stands, it tells whose it is.

Each object has two: the canary, which nobody but those who may read the object ever gets to see or
to type, and the bait, which stands beside it in the object and which anybody may ask for. Who asks
for another's bait and gets a canary has found a leak; who gets the bait back has heard an echo.
"""

import re
from collections.abc import Iterator
from typing import Final

from tests.support.cast import WORKSPACES

GUEST: Final = "guest"  # the workspace that comes and goes while the others stay
LETTERS: Final = dict(zip((*WORKSPACES, GUEST), "abcdef", strict=True))
OF_LETTER: Final = {letter: workspace for workspace, letter in LETTERS.items()}
_SOUNDS: Final = "bdfgklmnprtvz"
_LENGTH: Final = 7  # syllables: 62 million words
# No stemmer shortens a word that ends so, and no detector of personal data takes it for any.
_CANARY: Final = re.compile(rf"zorq([a-f])((?:[{_SOUNDS}]o){{{_LENGTH}}})", re.IGNORECASE)


class Mint:
    """Makes pairs of canary and bait, none twice; two with the same start make the same."""

    def __init__(self, start: int) -> None:
        self._next = start % (len(_SOUNDS) ** _LENGTH)

    def pair(self, workspace: str) -> tuple[str, str]:
        number, code = self._next, ""
        self._next += 1
        for _ in range(_LENGTH):
            number, sound = divmod(number, len(_SOUNDS))
            code += _SOUNDS[sound] + "o"
        letter = LETTERS[workspace]
        return f"zorq{letter}{code}", f"wend{letter}{code}"


def found_in(text: str) -> Iterator[tuple[str, str]]:
    """Yield each canary in a text, with its workspace."""
    if "zorq" not in text and "zorq" not in text.lower():
        return
    for word, letter in {(m.group(0).lower(), m.group(1).lower()) for m in _CANARY.finditer(text)}:
        yield word, OF_LETTER[letter]
