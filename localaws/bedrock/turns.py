"""One call of Converse: what is refused, what a script answers, what the call has come to."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from localaws.calls import Call
from localaws.catalog import FoundationModel
from localaws.errors import invalid
from localaws.guard.conversation import Guard
from localaws.model.pieces import ModelRequest, Piece, StopPiece, TextPiece, ToolPiece
from localaws.script import Script
from localaws.wire import Json

WORDS = re.compile(r"\s*\S+\s*")


class Model(Protocol):
    """A text model: the extractive one or a remote one."""

    paced: bool

    def generate(self, request: ModelRequest) -> Iterator[Piece]:
        """Pieces of the answer, a StopPiece last."""
        ...


class Truncated(Exception):
    """A scripted end in the middle of a frame: the connection is dropped."""


@dataclass
class Turn:
    """One prepared call: everything that could be refused has been refused."""

    call: Call
    model: FoundationModel
    params: Json
    guard: Guard | None
    script: Script | None
    usage: Json
    text: str = ""
    calls: list[Json] = field(default_factory=list)
    render: Callable[[Json], Json] | None = None  # the answer as it is logged; as it is without


def check(params: Json, model: FoundationModel) -> None:
    """What the service refuses beyond its model's constraints."""
    messages = params.get("messages") or []
    if not messages:
        raise invalid("The messages field is required: a conversation must have a message.")
    if messages[0].get("role") != "user":
        raise invalid("A conversation must start with a user message. Try again with a "
                      "conversation that starts with a user message.")  # fmt: skip
    wanted = (params.get("inferenceConfig") or {}).get("maxTokens")
    if wanted and wanted > model.max_output:
        raise invalid(
            f"The maximum tokens you requested exceeds the model limit of {model.max_output}. "
            "Try again with a maximum tokens value that is lower."
        )
    calls: set[str] = set()
    for message in messages:
        if not message.get("content"):
            raise invalid("The content field in the Message object is empty.")
        results = {b["toolResult"]["toolUseId"] for b in message["content"] if "toolResult" in b}
        if results - calls:
            raise invalid("The number of toolResult blocks exceeds the number of toolUse blocks of "
                          "previous turn.")  # fmt: skip
        calls = {b["toolUse"]["toolUseId"] for b in message["content"] if "toolUse" in b}
        for block in message["content"]:
            if "text" in block and not str(block["text"]).strip():
                raise invalid("The text field in the ContentBlock object is blank.")


def scripted(script: Script) -> Iterator[Piece]:
    chunks = script.chunks if script.chunks is not None else []
    if script.text is not None:
        chunks = [*chunks, *WORDS.findall(script.text)]
    yield from (TextPiece(chunk) for chunk in chunks if chunk)
    for use in script.tool_use or []:
        identifier = use.get("id") or f"tooluse_{uuid.uuid4().hex[:22]}"
        yield ToolPiece(identifier, use["name"], use.get("input") or {})
    yield StopPiece(script.stop_reason or ("tool_use" if script.tool_use else "end_turn"))


def tool_use(piece: ToolPiece) -> Json:
    return {"toolUseId": piece.id, "name": piece.name, "input": piece.input}


def served(params: Json) -> Json:
    """How the call was served, as it was asked for: tier and latency are echoed."""
    return {key: params[key] for key in ("serviceTier", "performanceConfig") if params.get(key)}
