"""What stands where in a masked text: spans found by aligning it with its original, and the map.

A guardrail returns the masked text and the matches it replaced, without their places. They are
found by walking both texts together: what is not a placeholder must be the same in both, and each
placeholder must stand for one of the matches of its kind, or for itself. So an alignment that is
found rebuilds the masked text from the original; where there is none, nothing is known and the text
must not be used.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from bedrock.errors import MaskUnproven

PART: Final = 10_000  # characters of one call: ten text units
OVERLAP: Final = 400  # that two parts share where no blank line parts them; longer than any entity
TELLING: Final = 6  # characters from which on an entity is looked for elsewhere in its text
WITHHELD: Final = "BLOCKED"  # the kind of a stretch that the content rules refuse
_BLANK_LINE: Final = re.compile(r"\r?\n[^\S\n]*\r?\n\s*")
_SPACE: Final = re.compile(r"\s")


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """An entity of the original, `original[start:end]`, and the kind that its placeholder names."""

    start: int
    end: int
    kind: str

    @property
    def placeholder(self) -> str:
        return f"{{{self.kind}}}"


Step: TypeAlias = tuple[int, int]
Trail: TypeAlias = dict[Step, tuple[Step | None, Found | None]]


@dataclass(frozen=True, slots=True)
class Masking:
    """A masked text with its offset map: `found` are disjoint and in order.

    Between entities both texts are the same, so an offset there has exactly one partner. One inside
    an entity or its placeholder goes to the border of the partner.
    """

    text: str
    found: tuple[Found, ...]
    _starts: tuple[int, ...]
    _masked: tuple[int, ...]  # where each placeholder begins

    @classmethod
    def of(cls, original: str, found: Iterable[Found]) -> "Masking":
        """Replace what was found; entities that overlap are replaced as one."""
        kept = tuple(_joined(found))
        parts: list[str] = []
        masked: list[int] = []
        at = length = 0
        for entity in kept:
            plain = original[at : entity.start]
            length += len(plain)
            masked.append(length)
            parts += [plain, entity.placeholder]
            length += len(entity.placeholder)
            at = entity.end
        return cls(
            "".join(parts) + original[at:],
            kept,
            tuple(entity.start for entity in kept),
            tuple(masked),
        )

    def to_masked(self, offset: int, *, end: bool = False) -> int:
        """Return an original offset's place in the masked text.

        Inside an entity it is the placeholder's beginning, or its end for the end of a span.
        """
        place = bisect_right(self._starts, offset) - 1
        if place < 0:
            return offset
        entity, begin = self.found[place], self._masked[place]
        finish = begin + len(entity.placeholder)
        if offset >= entity.end:
            return finish + offset - entity.end
        return finish if end and offset > entity.start else begin

    def to_original(self, offset: int, *, end: bool = False) -> int:
        """Return a masked offset's place in the original; see `to_masked`."""
        place = bisect_right(self._masked, offset) - 1
        if place < 0:
            return offset
        entity, begin = self.found[place], self._masked[place]
        finish = begin + len(entity.placeholder)
        if offset >= finish:
            return entity.end + offset - finish
        return entity.end if end and offset > begin else entity.start

    def hides(self, start: int, end: int) -> bool:
        """Return whether anything of a span of the original is masked."""
        place = bisect_left(self._starts, end) - 1
        return place >= 0 and self.found[place].end > start

    def whole(self, start: int, end: int) -> tuple[int, int]:
        """Return a span of the masked text, widened so that it cuts no placeholder."""
        return (
            self.to_masked(self.to_original(start)),
            self.to_masked(self.to_original(end, end=True), end=True),
        )

    def spans(self) -> list[list[int | str]]:
        """Return the map as it is stored: [start, end, masked start, masked end, kind]."""
        return [
            [entity.start, entity.end, begin, begin + len(entity.placeholder), entity.kind]
            for entity, begin in zip(self.found, self._masked, strict=True)
        ]

    @classmethod
    def stored(cls, text: str, spans: Sequence[Sequence[int | str]]) -> "Masking":
        """Return a masking from the masked text and `spans()`."""
        found = tuple(Found(int(span[0]), int(span[1]), str(span[4])) for span in spans)
        return cls(
            text,
            found,
            tuple(entity.start for entity in found),
            tuple(int(span[2]) for span in spans),
        )


def _joined(found: Iterable[Found]) -> Iterable[Found]:
    """Yield disjoint entities in order; overlapping ones as one, of the longest one's kind."""
    held: Found | None = None
    longest = 0
    for entity in sorted(found):
        if held is not None and entity.start < held.end:
            if entity.end - entity.start > longest:
                longest, held = entity.end - entity.start, Found(held.start, held.end, entity.kind)
            held = Found(held.start, max(held.end, entity.end), held.kind)
            continue
        if held is not None:
            yield held
        held, longest = entity, entity.end - entity.start
    if held is not None:
        yield held


def aligned(original: str, masked: str, matches: Mapping[str, Collection[str]]) -> list[Found]:
    """Return the entities whose placeholders turn `original` into `masked`, exactly.

    `matches` are the texts replaced, by kind. Repeated matches, matches that begin alike,
    neighbours without anything between, and placeholders that stood in the original already are
    told apart by trying: whatever does not lead to the end of both texts is given up. Raises
    MaskUnproven where nothing does.
    """
    marks = _marks(masked, matches)
    longest_first = {kind: sorted(set(own), key=len, reverse=True) for kind, own in matches.items()}
    # How each (number of placeholders passed, place in the original) was reached.
    trail: Trail = {(0, 0): (None, None)}
    stack: list[Step] = [(0, 0)]
    begins = [0, *(end for _, end, _ in marks)]
    while stack:
        step = stack.pop()
        mark, at = step
        begin = begins[mark]
        until = marks[mark][0] if mark < len(marks) else len(masked)
        plain = masked[begin:until]
        if not original.startswith(plain, at):
            continue
        at += len(plain)
        if mark == len(marks):
            if at == len(original):
                return _walked(trail, step)
            continue
        _, _, kind = marks[mark]
        tries: list[tuple[int, Found | None]] = [
            (at + len(match), Found(at, at + len(match), kind))
            for match in longest_first[kind]
            if match and original.startswith(match, at)
        ]
        if original.startswith(f"{{{kind}}}", at):
            tries.append((at + len(kind) + 2, None))
        for after, entity in reversed(tries):
            if (mark + 1, after) not in trail:
                trail[mark + 1, after] = (step, entity)
                stack.append((mark + 1, after))
    raise MaskUnproven


def _marks(masked: str, matches: Mapping[str, Collection[str]]) -> list[tuple[int, int, str]]:
    """Return (start, end, kind) of all that looks like a placeholder of the kinds given."""
    if not matches:
        return []
    kinds = sorted(matches, key=len, reverse=True)
    pattern = "|".join(re.escape(f"{{{kind}}}") for kind in kinds)
    return [
        (found.start(), found.end(), found.group()[1:-1]) for found in re.finditer(pattern, masked)
    ]


def _walked(trail: Trail, last: Step) -> list[Found]:
    found: list[Found] = []
    step: Step | None = last
    while step is not None:
        step, entity = trail[step]
        if entity is not None:
            found.append(entity)
    return found[::-1]


def parts(text: str) -> list[tuple[int, int]]:
    """Return the stretches that are masked one by one, each of at most `PART` characters.

    A cut falls on a blank line, which no entity spans. Where a stretch has none in its second half,
    the next one begins `OVERLAP` earlier at white space: what the border cuts, one of both holds
    whole.
    """
    found: list[tuple[int, int]] = []
    start = 0
    while len(text) - start > PART:
        blanks = list(_BLANK_LINE.finditer(text, start + PART // 2, start + PART))
        if blanks:
            found.append((start, blanks[-1].end()))
            start = blanks[-1].end()
            continue
        end = _space_before(text, start + PART, start + PART // 2)
        found.append((start, end))
        start = _space_before(text, end - OVERLAP, start + 1)
    if start < len(text) or not found:
        found.append((start, len(text)))
    return found


def _space_before(text: str, at: int, least: int) -> int:
    """Return the nearest offset at or before `at` that follows white space, or `at` itself."""
    for place in range(at, least, -1):
        if _SPACE.match(text[place - 1]):
            return place
    return at


def spread(text: str, found: Iterable[Found]) -> list[Found]:
    """Add every other place where an entity of some length stands in the text.

    The service may see a name after its title and miss it where it stands alone.
    """
    known = list(found)
    told = {text[entity.start : entity.end]: entity.kind for entity in known}
    for match, kind in told.items():
        if len(match) < TELLING or kind == WITHHELD:
            continue
        at = text.find(match)
        while at >= 0:
            end = at + len(match)
            if not _goes_on(text, at) and not _goes_on(text, end):
                known.append(Found(at, end, kind))
            at = text.find(match, end)
    return known


def _goes_on(text: str, border: int) -> bool:
    """Whether a word goes on across the border."""
    return 0 < border < len(text) and text[border - 1].isalnum() and text[border].isalnum()
