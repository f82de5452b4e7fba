"""Aligning a masked text with its original: exact and proven, whatever stands in it."""

import random
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock import offsets
from bedrock.errors import MaskUnproven
from bedrock.offsets import Found, Masking, aligned, parts, spread
from localaws.guard import pii

ENTITIES = {
    "EMAIL": ["jane@example.com", "jane@example.com.br", "j@x.de"],
    "PHONE": ["+49 30 1234567", "+49 30 123456"],
    "NAME": ["Mara Lindt", "Mara", "Ana\U0001f642Li"],
    "Claim Number": ["C-1", "C-12"],
}
# Plain text that tempts: placeholders, beginnings of entities, other planes, right to left, CRLF.
PLAIN = [
    "{EMAIL}",
    "{",
    "}",
    "{PHONE",
    "Mara",
    "C-",
    " ",
    "\r\n",
    "\n\n",
    "שלום",
    "\U0001f642",
    "x",
    "é",
]


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, str, list[Found]]:
    """A text, its masked form, and what was replaced."""
    pieces = draw(
        st.lists(
            st.one_of(
                st.sampled_from(PLAIN).map(lambda text: (None, text)),
                st.sampled_from([(kind, text) for kind, own in ENTITIES.items() for text in own]),
            ),
            max_size=30,
        )
    )
    original = masked = ""
    found = []
    for kind, text in pieces:
        if kind is not None:
            found.append(Found(len(original), len(original) + len(text), kind))
        original += text
        masked += f"{{{kind}}}" if kind else text
    return original, masked, found


@settings(max_examples=400, deadline=None)
@given(texts())
def test_what_is_found_turns_one_text_into_the_other(made: tuple[str, str, list[Found]]) -> None:
    original, masked, planted = made
    matches = {kind: set(own) for kind, own in ENTITIES.items()}
    found = aligned(original, masked, matches)
    masking = Masking.of(original, found)
    assert masking.text == masked
    for entity in found:
        assert original[entity.start : entity.end] in ENTITIES[entity.kind]
    assert sum(e.end - e.start for e in found) - sum(len(e.placeholder) for e in found) == sum(
        e.end - e.start for e in planted
    ) - sum(len(e.placeholder) for e in planted)
    assert Masking.stored(masking.text, masking.spans()) == masking
    for offset in range(len(masked) + 1):
        start, end = masking.whole(offset, offset)
        inside = any(begin < offset < finish for _, _, begin, finish, _ in masking.spans())
        assert (start == end == offset) is not inside
    for first in range(0, len(original) + 1, 3):
        for last in range(first, len(original) + 1, 5):
            shown = masked[masking.to_masked(first) : masking.to_masked(last, end=True)]
            assert not any(
                e.start < last and e.end > first and e.placeholder not in shown for e in found
            )


@pytest.mark.parametrize(
    ("original", "masked"),
    [
        ("Write to jane@example.com", "Write to {EMAIL}."),
        ("Write to jane@example.com", "write to {EMAIL}"),
        ("Write to bob@example.com", "Write to {EMAIL}"),
        ("Write to jane@example.com ", "Write to {EMAIL}"),
        ("Write to nobody", "Write to {EMAIL}nobody"),
    ],
)
def test_what_cannot_be_traced_back_is_refused(original: str, masked: str) -> None:
    with pytest.raises(MaskUnproven):
        aligned(original, masked, {"EMAIL": {"jane@example.com"}})


def test_many_ways_that_lead_nowhere_are_given_up_quickly() -> None:
    with pytest.raises(MaskUnproven):
        aligned("a" * 3_000, "{N}" * 1_000, {"N": {"a", "aa"}})


def test_an_entity_seen_once_is_masked_wherever_it_stands() -> None:
    text = "Dr. Mara Lindt came. Mara Lindt left; Mara Lindtner stayed."
    found = spread(text, [Found(4, 14, "NAME")])
    assert Masking.of(text, found).text == "Dr. {NAME} came. {NAME} left; Mara Lindtner stayed."


@pytest.mark.parametrize("gap", ["\n\n", "\r\n\r\n", "\n", " "])
@pytest.mark.parametrize("seed", range(5))
def test_no_entity_is_lost_at_the_border_of_two_parts(
    gap: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offsets, "PART", 300)
    monkeypatch.setattr(offsets, "OVERLAP", 80)
    dice = random.Random(seed)
    words = ["house", "river", "jane.doe@example.com", "+49 30 1234567", "Dr. Mara Lindt", "and"]
    text = gap.join(dice.choice(words) for _ in range(400))
    types = {"EMAIL", "PHONE", "NAME"}
    found = []
    cuts = parts(text)
    assert cuts[0][0] == 0 and cuts[-1][1] == len(text)
    for (_, end), (start, _) in pairwise(cuts):
        assert start <= end
    for start, end in cuts:
        assert end - start <= 300
        found += [
            Found(start + e.start, start + e.end, e.type) for e in pii.find(text[start:end], types)
        ]
    masked = Masking.of(text, found).text
    assert not re.search(r"jane|example|1234567|Lindt", masked)
    assert len(re.findall(r"house|river|and", masked)) == len(re.findall(r"house|river|and", text))


def test_a_span_hides_something_where_an_entity_reaches_into_it() -> None:
    masking = Masking.of(
        "0123456789", [Found(2, 4, "NAME"), Found(4, 5, "AGE"), Found(8, 10, "ID")]
    )
    hidden = {2, 3, 4, 8, 9}
    for start in range(10):
        for end in range(start + 1, 11):
            assert masking.hides(start, end) == bool(hidden & set(range(start, end)))
