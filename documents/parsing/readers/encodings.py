"""What the bytes of a text say: its encoding, where nothing in the file names it."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 256 * 1024
_WIDE_SAMPLE = 4096
_USUAL_SPACES = "\t\n\r\f\u200b\u200c\u200d\u200e\u200f\xad"
_REPLACED = "\ufffd"
_RUN = re.compile(rb"[\x80-\xff]+")
_IN_A_WORD = re.compile(rb"(?<=[A-Za-z])[\x80-\xff]|[\x80-\xff](?=[A-Za-z])")
_SIGN_IN_A_WORD = re.compile(
    r"(?<=[^\W\d_])[^\w\s\x00-\x7f\u2013\u2014\u2019\u2026\xad](?=[^\W\d_])"
)
_OTHERS = [
    "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp932", "gb18030", "big5", "euc_jp",
    "cp949",
]  # fmt: skip
_WEST = (
    "äöüß", "àâæçéèêëîïôœùûüÿ", "áéíóúñü", "ãõáâàçéêíóôú", "àèéìíòóù", "åäöéà", "åæøéòô",
    "áðéíóúýþæö", "ëéèïöüáó", "õäöüšž", "àçéèíïóòúü",
)  # fmt: skip
_MIDDLE = (
    "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţșț", "čćđšž", "äöüß",
)  # fmt: skip
# The letters beyond ASCII of the languages of an encoding. The likeliest encodings come first: what
# fits several of them equally well is of the first.
_ALPHABETS = {
    "cp1252": _WEST,
    "cp1250": _MIDDLE,
    "cp1254": ("çğıöşüâîû",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž"),
    "iso8859_2": _MIDDLE,
    "iso8859_9": ("çğıöşüâîû",),
    "mac_roman": _WEST,
    "cp850": _WEST,
    "cp852": _MIDDLE,
}


def decode(data: bytes) -> str:
    """Decode by byte order mark, then as UTF-16 or UTF-8, then by the likeliest older encoding."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if wide := _wide_encoding(data[:_WIDE_SAMPLE]):
        return data.decode(wide, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded(data)


def wide_text(head: bytes) -> str | None:
    """Return the beginning of a text in UTF-16 or UTF-32, with its mark or without; else None."""
    for mark, encoding in _BOMS[1:]:
        if head.startswith(mark):
            return codecs.getincrementaldecoder(encoding)(errors="replace").decode(head)
    wide = _wide_encoding(head)
    return codecs.getincrementaldecoder(wide)().decode(head) if wide else None


def _wide_encoding(sample: bytes) -> str | None:
    """Return which UTF-16 a text without a byte order mark is in, by its beginning; else None.

    In every script some of its characters have a byte of zero: spaces, line ends, digits. Read the
    right way all are characters of texts; the wrong way round some are of no alphabet.
    """
    if 4 * sample.count(0) < len(sample) and (b"\x00" not in sample or _is_plain(sample)):
        return None
    found = {}
    for encoding in ("utf-16-le", "utf-16-be"):
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(sample)
        except UnicodeDecodeError:
            continue
        if all(c in _USUAL_SPACES or unicodedata.category(c)[0] in "LMNPSZ" for c in text):
            found[encoding] = sum(c.isascii() for c in text)
    return max(found, key=lambda each: found[each]) if any(found.values()) else None


def _is_plain(sample: bytes) -> bool:
    """Whether bytes are a text in UTF-8 but for stray zeros: pairs of its letters are Chinese."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(sample.replace(b"\x00", b""))
    except UnicodeDecodeError:
        return False
    return all(c in _USUAL_SPACES or unicodedata.category(c)[0] != "C" for c in text)


def _decoded(data: bytes) -> str:
    text = data.decode("utf-8", errors="replace")
    wrong = text.count(_REPLACED)
    if wrong * 4 < sum(not character.isascii() for character in text) - wrong:
        return text  # UTF-8 that was damaged, or cut
    sample = data[:_SAMPLE_BYTES]
    if not _is_latin(sample):
        return data.decode(_of_another_script(sample), errors="replace")
    return data.decode(max(_ALPHABETS, key=lambda each: _fits(sample, each)), errors="replace")


def _is_latin(sample: bytes) -> bool:
    """Say whether bytes beyond ASCII stand alone, or within words of plain letters.

    In other scripts they stand beside one another. The few bytes of a short text fit several
    encodings, those of Chinese too; what stands beside them tells more.
    """
    runs = _RUN.findall(sample)
    high = sum(map(len, runs))
    return 3 * len(runs) >= 2 * high or 2 * len(_IN_A_WORD.findall(sample)) >= high


def _fits(sample: bytes, encoding: str) -> float:
    """Return the share of the letters beyond ASCII that one language of the encoding has."""
    text = sample.decode(encoding, errors="replace")
    counts = Counter(c for c in text.lower() if not c.isascii() and c.isalpha())
    wrong = text.count(_REPLACED) + len(_SIGN_IN_A_WORD.findall(text))
    if not counts and not wrong:  # signs alone
        return 1
    known = max(sum(counts[c] for c in alphabet) for alphabet in _ALPHABETS[encoding])
    return (known - wrong) / max(1, counts.total() + wrong)


def _of_another_script(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    found = {
        encoding: (match.chaos, -match.coherence)
        for match in from_bytes(sample, cp_isolation=_OTHERS)
        for encoding in match.could_be_from_charset  # those that give the same letters
    }
    known = [encoding for encoding in _OTHERS if encoding in found]
    return min(known, key=lambda encoding: found[encoding], default="cp1252")
