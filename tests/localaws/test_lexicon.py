"""Phrases of the content filters are found however they are written."""

import pytest

from localaws.guard.policies import confidence, lexicon

LEVELS = ["LOW", "MEDIUM", "HIGH"]
PHRASES = [
    (kind, level, phrase)
    for kind, listed in lexicon().items()
    if kind != "PROFANITY"
    for level, phrases in listed.items()
    for phrase in phrases
]


def oddly(phrase):
    """Letters that patterns take for i and s where case does not matter."""
    return phrase.replace("i", "\u0131", 1).replace("i", "\u0130").replace("s", "\u017f")


@pytest.mark.parametrize("written", [str.lower, str.upper, str.title, oddly])
def test_a_phrase_is_found_in_any_case_and_across_lines_and_signs(written):
    missed = [
        (kind, phrase)
        for kind, level, phrase in PHRASES
        for between in (" ", "\n", " - ")
        if confidence(kind, f"So: “{written(phrase).replace(' ', between)}”.") not in LEVELS
    ]
    assert not missed


def test_words_of_a_phrase_that_stand_apart_or_in_longer_words_are_none():
    said = " and ".join(
        word for _, _, phrase in PHRASES for word in phrase.split() if " " in phrase
    )
    assert confidence("PROMPT_ATTACK", said) == "NONE"
    assert confidence("VIOLENCE", "xkillx") == "NONE"
