"""Letters and digits alone: what a page as drawn and the text that was read from it share.

Spaces, hyphens, bullets and the bars between cells differ between both; letters and their order
within a line do not.
"""

from __future__ import annotations

import unicodedata


def letters(character: str) -> str:
    """Return a character's letters and digits, decomposed and without case; mostly one, or none."""
    if character.isascii():
        return character.lower() if character.isalnum() else ""
    folded = unicodedata.normalize("NFKD", character).casefold()
    return "".join(each for each in folded if each.isalnum())


def letters_of(text: str) -> str:
    """Return the letters and digits of a text, in its order."""
    return "".join(map(letters, text))
