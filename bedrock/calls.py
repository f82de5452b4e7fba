"""What callers hand to the gateway and what they get back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from tenants.context import Actor

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One question to a text model.

    `messages` and `tools` have the shapes of Converse; callers build the content blocks. Passages
    stand in `guardContent` blocks, so that the guardrail reads them. Which model serves is decided
    in `bedrock.routing`: `thorough` is the user's own choice of the frontier model, `grounding` the
    score of the answer before, when it is made once more.
    """

    feature: str
    actor: Actor
    request_id: UUID
    system: str
    messages: Sequence[Json]
    max_tokens: int
    tools: Sequence[Json] = ()
    temperature: float | None = None
    thorough: bool = False
    grounding: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the service counted them; `input_tokens` leaves out what the cache served or took.

    `guardrail` counts text units (1,000 characters) by the service's own names of the policies.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    guardrail: Mapping[str, int] = field(default_factory=dict)
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        """All kinds together."""
        return (
            self.input_tokens
            + self.output_tokens
            + self.cache_read_tokens
            + self.cache_write_tokens
            + self.cache_write_1h_tokens
        )


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The model asks for a tool; `id` goes back in the toolResult."""

    id: str
    name: str
    input: Json


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """A finished answer.

    `blocked`: the guardrail refused the input or the output. `text` is then its message, and all
    that was shown before must be withdrawn. `masked`: personal data was replaced.
    """

    text: str
    tool_uses: tuple[ToolUse, ...]
    stop_reason: str
    usage: Usage
    blocked: bool
    masked: bool
    request_id: UUID
    model: str
    profile_arn: str
    guardrail: Mapping[str, str]  # id, version, action
    refused: Literal["input", "output"] | None = None  # what of it the guardrail blocked


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer, to be shown at once."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every stream that did not raise."""

    answer: ModelAnswer


StreamEvent = TextDelta | ToolUse | Finished


@dataclass(frozen=True, slots=True)
class GuardrailVerdict:
    """ApplyGuardrail's answer: `outputs` are the texts to go on with, one for each given.

    With action `blocked` they hold the guardrail's message instead.
    """

    action: Literal["none", "masked", "blocked"]
    outputs: list[str]
    assessments: list[Json]


@dataclass(frozen=True, slots=True)
class Grounding:
    """How far an answer rests on its sources and meets its question; each 0 to 1."""

    grounding: float
    relevance: float
