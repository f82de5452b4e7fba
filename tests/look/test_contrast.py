"""Every pair of colours that the sheets put together, at WCAG 2.2 AA in both themes."""

import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).parents[2] / "static" / "css" / "tokens.css"
TEXT, SHAPE = 4.5, 3.0
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


def tokens() -> dict[str, tuple[str, str]]:
    """Return each colour as (light, dark), without the overrides for higher contrast."""
    text = TOKENS.read_text().split("@media")[0]
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", text)
    plain = re.findall(r"--([\w-]+): (#\w{6});", text)
    return {name: (light, dark) for name, light, dark in found} | {n: (c, c) for n, c in plain}


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
    colours = tokens()
    values = [luminance(colours[ink][theme]), luminance(colours[ground][theme])]
    assert (max(values) + 0.05) / (min(values) + 0.05) >= least
