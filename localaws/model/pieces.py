"""What a model produces, piece by piece, whichever model it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TextPiece:
    """A run of text, about a word."""

    text: str


@dataclass(frozen=True)
class ToolPiece:
    """A whole tool call."""

    id: str
    name: str
    input: dict[str, Any]


@dataclass(frozen=True)
class StopPiece:
    """The end, with usage where the model counted it itself."""

    reason: str = "end_turn"
    input_tokens: int | None = None
    output_tokens: int | None = None


Piece = TextPiece | ToolPiece | StopPiece


@dataclass
class ModelRequest:
    """A Converse request as a model sees it."""

    model_id: str
    messages: list[dict[str, Any]]
    system: list[dict[str, Any]] = field(default_factory=list)
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_choice: dict[str, Any] = field(default_factory=dict)
    max_tokens: int = 4096
    stop_sequences: list[str] = field(default_factory=list)
    temperature: float | None = None
    top_p: float | None = None


def limited(
    pieces: Iterable[Piece], request: ModelRequest, count: Callable[[str], int]
) -> Iterator[Piece]:
    """Cut a model's pieces at `max_tokens` or at the first stop sequence, which is not output.

    Text that may be the beginning of a stop sequence is held back until it is sure.
    """
    spent, held = 0, ""
    hold = max((len(stop) for stop in request.stop_sequences), default=1) - 1
    for piece in pieces:
        if isinstance(piece, StopPiece):
            if held:
                yield TextPiece(held)
            yield piece
            return
        if isinstance(piece, ToolPiece):
            if held:
                yield TextPiece(held)
                held = ""
            yield piece
            continue
        spent += count(piece.text)
        if spent > request.max_tokens:
            if held:
                yield TextPiece(held)
            yield StopPiece("max_tokens", output_tokens=request.max_tokens)
            return
        held += piece.text
        cuts = [held.find(stop) for stop in request.stop_sequences if stop and stop in held]
        if cuts:
            if min(cuts):
                yield TextPiece(held[: min(cuts)])
            yield StopPiece("stop_sequence")
            return
        safe = len(held) - hold
        if safe > 0:
            yield TextPiece(held[:safe])
            held = held[safe:]
    if held:
        yield TextPiece(held)
    yield StopPiece()
