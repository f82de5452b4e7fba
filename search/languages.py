"""Which language a document is in, by the stop words that PostgreSQL knows of each.

Its words are then reduced to their stems by that language's configuration, in indexing as in
searching. What shows no language, such as a table of figures, is read as English.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from django.db import connection

USUAL: Final = "english"
# PostgreSQL's configurations that have a list of stop words.
LANGUAGES: Final = (
    "danish", "dutch", "english", "finnish", "french", "german", "hungarian", "italian",
    "norwegian", "portuguese", "russian", "spanish", "swedish", "turkish",
)  # fmt: skip
LOOKED_AT: Final = 2_000  # words
LEAST: Final = 0.2  # of a text's words are stop words of its language: running text has 0.35 to 0.6
CLEARLY: Final = 1.2  # times as many as of English

_WORD: Final = re.compile(r"[^\W\d_]{2,}")  # single letters are words of too many languages

STOPPED: Final = """
    SELECT language, array_agg(word)
    FROM unnest(%s::text[]) word, unnest(%s::text[]) language
    WHERE ts_lexize((language || '_stem')::regdictionary, word) = '{}'
    GROUP BY language
"""


def language_of(texts: Iterable[str]) -> str:
    """Return the name of the configuration that a document of these passages is read with.

    One statement; only the first two thousand words are looked at.
    """
    words = _counted(texts)
    if not words:
        return USUAL
    with connection.cursor() as cursor:
        cursor.execute(STOPPED, [list(words), list(LANGUAGES)])
        stopped = {
            language: sum(words[word] for word in found) for language, found in cursor.fetchall()
        }
    best = max(stopped, key=lambda language: (stopped[language], language), default=USUAL)
    enough = stopped.get(best, 0) >= LEAST * words.total()
    return best if enough and stopped[best] >= CLEARLY * stopped.get(USUAL, 0) else USUAL


def _counted(texts: Iterable[str]) -> Counter[str]:
    words: Counter[str] = Counter()
    for text in texts:
        words.update(_WORD.findall(text.lower()))
        if words.total() >= LOOKED_AT:
            break
    return words
