"""Every pair of colours that the sheets put together, at WCAG 2.2 AA in both themes."""

import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).parents[2] / "static" / "css" / "tokens.css"
TEXT, SHAPE = 4.5, 3.0
ENHANCED = 7.0  # of text, where more is asked for: WCAG 2.2, 1.4.6
MOTION_MS = 150
GROUNDS = ["canvas", "surface", "raised", "sunken", "hover", "pressed"]
STATES = ["success", "warning", "danger"]
WASHES = ["accent-wash", *(f"{state}-wash" for state in STATES)]
CODE = ["code-keyword", "code-string", "code-comment", "code-number", "code-name"]

PAIRS: list[tuple[str, str, float]] = [
    *((ink, ground, TEXT) for ink in ("ink", "ink-2", "ink-3", "accent") for ground in GROUNDS),
    *((ink, wash, TEXT) for ink in ("ink", "ink-2") for wash in WASHES),
    ("accent", "accent-wash", TEXT),
    *((state, f"{state}-wash", TEXT) for state in STATES),
    *(
        (state, ground, TEXT)
        for state in STATES
        for ground in ("canvas", "surface", "raised", "hover")
    ),
    *((f"{state}-solid", g, SHAPE) for state in STATES for g in ("canvas", "surface", "pressed")),
    *(("accent-on", fill, TEXT) for fill in ("accent-fill", "accent-fill-hover")),
    *(("accent-on", fill, TEXT) for fill in ("danger-fill", "danger-fill-hover")),
    *(("accent-fill", ground, SHAPE) for ground in ("canvas", "surface", "raised", "pressed")),
    *(("line-control", ground, SHAPE) for ground in ("canvas", "surface", "raised")),
    *((f"series-{number}", "surface", SHAPE) for number in (1, 2, 3)),
    *((code, "sunken", TEXT) for code in CODE),
    ("mark-ink", "mark", TEXT),
    ("mark-ink", "mark-active", TEXT),
    ("ink-inverse", "ink", TEXT),
]


def tokens(*, higher: bool = False) -> dict[str, tuple[str, str]]:
    """Return each colour as (light, dark); `higher`: as for who asks for more contrast."""
    before, *asked = TOKENS.read_text().split("@media")
    text = before + next(part for part in asked if "prefers-contrast" in part) * higher
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", text)
    plain = re.findall(r"--([\w-]+): (#\w{6});", text)
    return {name: (light, dark) for name, light, dark in found} | {n: (c, c) for n, c in plain}


def ratio(colours: dict[str, tuple[str, str]], ink: str, ground: str, theme: int) -> float:
    values = [luminance(colours[ink][theme]), luminance(colours[ground][theme])]
    return (max(values) + 0.05) / (min(values) + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in channels
    ]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS, ids=lambda value: str(value))
def test_a_pair_can_be_told_apart(ink: str, ground: str, least: float, theme: int) -> None:
    assert ratio(tokens(), ink, ground, theme) >= least


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_who_asks_for_more_contrast_gets_more_and_nowhere_less(theme: int) -> None:
    usual, higher = tokens(), tokens(higher=True)
    changed = {name for name in usual if usual[name] != higher[name]}
    assert {"ink-2", "ink-3", "line-control", "accent"} <= changed
    for ink, ground, _ in PAIRS:
        now = ratio(higher, ink, ground, theme)
        assert now >= ratio(usual, ink, ground, theme), (ink, ground)
        if ink in ("ink-2", "ink-3", "accent") and ground in GROUNDS:
            assert now >= ENHANCED, (ink, ground, now)


def test_motion_is_short_and_there_is_none_for_who_asks_for_none() -> None:
    text = TOKENS.read_text()
    usual, still = text.split("@media (prefers-reduced-motion: reduce)")
    named = re.findall(r"--([\w-]+): (\d+)ms;", usual)
    assert all(int(length) <= MOTION_MS for _, length in named)
    assert set(re.findall(r"--([\w-]+): 0ms;", still)) == {name for name, _ in named}
    for sheet in sorted(TOKENS.parents[1].rglob("*.css")):
        moved = re.findall(r"transition[\w-]*:([^;}]*)", sheet.read_text())
        raw = [value for value in moved if re.search(r"\d\s*m?s\b", value)]
        assert all("0ms" in value for value in raw), (sheet.name, raw)
