"""Names that people give, on one line and of nothing that a reader could not see, and texts."""

import re
import unicodedata
from typing import Final

INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\uffff\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Zero-width, bidirectional-control, tag and other characters that a reader cannot see."""

_PICTURES: Final = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_PICTURE: Final = f"[{_PICTURES}]\ufe0f?"
_JOINING: Final = "[\u0620-\u06dc\u06de-\u08ff\u0900-\u0dff]"  # Arabic's and India's letters
# What joins two pictures into one, or shapes the letters of a script, is part of what is seen.
_SEEN: Final = (
    f"{_PICTURE}(?:\u200d{_PICTURE})*|[0-9#*]\ufe0f\u20e3|{_JOINING}[\u200c\u200d](?={_JOINING})"
)
CONTROLS: Final = "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
_DROPPED: Final = re.compile(f"({_SEEN})|[{CONTROLS}{INVISIBLE}]")
_MARK: Final = "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_TOWER: Final = re.compile(f"({_MARK}{{3}}){_MARK}+")  # no language stacks more of these
_NO_LETTERS: Final = frozenset({"Cs", "Co", "Cn"})


def one_line(text: str) -> str:
    """Return a name as it is kept: composed, on one line, without what cannot be seen.

    An override of direction would show another name than is stored, a zero-width letter two names
    alike. The joiners of emoji stay, and those of scripts that are written with them. Of a tower of
    accents, which would cover the lines around it, three stay.
    """
    seen = _DROPPED.sub(lambda found: found[1] or "", unicodedata.normalize("NFC", text))
    seen = _TOWER.sub(r"\1", seen)
    return " ".join(
        "".join(each for each in seen if unicodedata.category(each) not in _NO_LETTERS).split()
    )


def many_lines(text: str) -> str:
    """Return a text as it is kept: without NUL and the space around it.

    A form sends the end of a line as two characters; it counts as one here, as its field counts it.
    """
    return text.replace("\x00", "").replace("\r\n", "\n").strip()
