"""The loop of a turn: ask the model, run the tools it wants, tell each step, ask again; bounded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import structlog
from django.db import connection
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from assistant.actions import action_propose, allowed, tool_change
from assistant.models import Action
from assistant.prompts import SYSTEM_ASSISTANT
from assistant.runner import RunningTurn
from assistant.shapes import action_dict
from assistant.tools import TOOLS, tool_specs
from assistant.tools.base import Calling, Outcome, Plan, Tool, ToolRefused
from bedrock.gateway import (
    Finished,
    ModelAnswer,
    ModelRequest,
    TextDelta,
    ToolUse,
    converse_stream,
    result_refused,
)
from bedrock.policy import guardrail_of
from bedrock.prompting import feature_require, system_with
from bedrock.selectors import capabilities
from documents.prompts import passages_numbered
from documents.withheld import passages_refused, withheld_told
from search.retrieval import Passage
from tenants.context import current
from tenants.errors import TenantryError
from tenants.foreseen import PASSING

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

ANSWER_TOKENS: Final = 1_000  # of one call
MOST_ROUNDS: Final = 6  # of tools in one turn
MOST_AT_ONCE: Final = 5  # tools of one round; the rest are refused
MOST_WAITING: Final = 5  # actions that one answer may propose

BRING_PASSAGES: Final = (
    "search_documents",
    "read_document",
    "search_help",
    "summarize",
    "read_attachments",
    "look_at_pictures",
    "withhold_passages",
)
ALL_REFUSED: Final = "What was found goes against the workspace's content rules and was left out."
LAST_ROUND: Final = (
    f"These were the {MOST_ROUNDS} rounds of tools that one answer has. Answer now with what you"
    " have, and say what is left to do."
)
OUT_OF_ROUNDS: Final = format_lazy(
    gettext_lazy(
        "I stopped after {rounds} rounds of steps, which is the most that one answer "
        "has. Ask me to go on, and I continue from here."
    ),
    rounds=MOST_ROUNDS,
)

log = structlog.get_logger(__name__)
Message = dict[str, Any]


@dataclass(slots=True)
class Made:
    """What there is of an answer so far."""

    calling: Calling
    shown: list[str] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[Action] = field(default_factory=list)
    asked: str = ""  # the question as models read it
    alone: str = ""  # the same, as it can be understood without the conversation
    summary: str = ""  # of what was said before the history that a model is told word for word
    pictures: list[Message] = field(default_factory=list)  # content blocks that a model is shown
    ruled: bool = False  # the answer is the product's own words, no model's

    @property
    def text(self) -> str:
        return "".join(self.shown)

    @property
    def passages(self) -> list[Passage]:
        return self.calling.passages

    @property
    def used_tools(self) -> bool:
        """Whether the answer may rest on something else than passages."""
        return any(step["name"] not in BRING_PASSAGES for step in self.steps)


def step_told(running: RunningTurn, made: Made, *, name: str, line: "StrOrPromise", at: int = 0,
              status: str = "running", **more: Any) -> int:  # fmt: skip
    """Tell a step, or how the one at `at` went on; return its number in the answer."""
    at = at or len(made.steps) + 1
    step = {"step": at, "name": name, "status": status, "line": str(line)}
    made.steps[at - 1 : at] = [step]
    told = {key: value for key, value in more.items() if value is not None}
    running.frames.send("tool", **step, **told)
    return at


def said(running: RunningTurn, made: Made, text: "StrOrPromise") -> None:
    """Show words of the product's own, as a paragraph."""
    made.shown.append(f"\n\n{text}" if made.text else str(text))
    running.frames.send("delta", text=made.shown[-1])
    running.shown = True


def worked(running: RunningTurn, made: Made, messages: list[Message]) -> Finished | None:
    """Run the turn's calls until the model asks for no tool; None when the reader stopped it."""
    tools = tool_specs() if capabilities().supports_tools else []
    finished: Finished | None = None
    for round_number in range(MOST_ROUNDS + 1):
        if running.cancelled.is_set():
            return None
        finished = _asked(running, made, messages, tools)
        reply = finished.answer
        if reply.blocked or reply.stop_reason == "stopped" or not reply.tool_uses:
            return finished
        if round_number == MOST_ROUNDS:
            said(running, made, OUT_OF_ROUNDS)
            return finished
        results = _run_all(running, made, reply.tool_uses)
        if made.waiting:
            _told_waiting(running, made, reply)
            return finished
        if round_number == MOST_ROUNDS - 1:
            results.append({"text": LAST_ROUND})
        messages = [*messages, _spoken(reply), {"role": "user", "content": results}]
    return finished


@dataclass(slots=True)
class _Beginning:
    """The first words of an answer, held while they may be those that say a question was blocked.

    A stream tells only at its end that it was: until then the guardrail's message looks like an
    answer. The first character that differs from it releases all.
    """

    message: str
    held: str = ""

    def grown(self, text: str) -> str:
        """Return what may be shown."""
        self.held += text
        if self.message.startswith(self.held):
            return ""
        text, self.held, self.message = self.held, "", ""
        return text


def _asked(
    running: RunningTurn, made: Made, messages: list[Message], tools: list[dict[str, Any]]
) -> Finished:
    """Ask the model once and show what it says as it comes."""
    request = ModelRequest(
        feature="assistant",
        actor=running.actor,
        request_id=made.calling.request_id,
        system=system_with(
            SYSTEM_ASSISTANT,
            actor=running.actor,
            feature="assistant",
            request_id=made.calling.request_id,
        ),
        messages=messages,
        max_tokens=ANSWER_TOKENS,
        tools=tools,
        thorough=running.thorough,
    )
    finished: Finished | None = None
    beginning = _Beginning(guardrail_of(current()).blocked_input)
    begun = False

    def shown(text: str) -> None:
        nonlocal begun
        if not text:
            return
        text = text if begun or not made.text else f"\n\n{text.lstrip()}"
        begun = True
        running.frames.send("delta", text=text)
        running.shown = True
        if not made.shown:
            connection.close()  # a stream lasts; its thread must not keep a pooled connection
        made.shown.append(text)

    for event in converse_stream(request, cancelled=running.cancelled.is_set):
        if isinstance(event, TextDelta):
            shown(beginning.grown(event.text))
        elif isinstance(event, Finished):
            finished = event
    assert finished is not None  # a stream that did not raise has its end
    if not finished.answer.blocked:
        shown(beginning.held)
    return finished


def _spoken(reply: ModelAnswer) -> Message:
    """Return what the model said as its message, the tools it asked for included."""
    content: list[dict[str, Any]] = [{"text": reply.text}] if reply.text.strip() else []
    content += [
        {"toolUse": {"toolUseId": use.id, "name": use.name, "input": use.input}}
        for use in reply.tool_uses
    ]
    return {"role": "assistant", "content": content}


def tool_result(use_id: str, text: str, *, failed: bool = False) -> dict[str, Any]:
    """Return a tool's result as Converse takes it."""
    result: dict[str, Any] = {"toolUseId": use_id, "content": [{"text": text}]}
    return {"toolResult": {**result, "status": "error"} if failed else result}


def passages_withheld(
    running: RunningTurn, made: Made, passages: Sequence[Passage], side: Literal["input", "output"]
) -> bool:
    """Say whether the content rules refuse passages; note which, and tell whose they are."""
    found = passages_refused(
        passages,
        side=side,
        actor=running.actor,
        feature="assistant",
        request_id=running.request_id,
    )
    if not found:
        return False
    step_told(running, made, name="withhold_passages", line=withheld_told(found), status="failed")
    made.calling.withheld.update(passage.chunk_id for passage in found)
    return True


def _result(
    running: RunningTurn, made: Made, use: ToolUse, outcome: Outcome, before: int
) -> dict[str, Any]:
    """Return a tool's result, without the passages in it that the content rules refuse.

    Those `before` it keep their numbers: a model has been told them. A result that is refused
    otherwise is withheld whole, by `bedrock.toolresults`.
    """
    result = tool_result(use.id, outcome.text)
    if not outcome.passages or not result_refused(
        result["toolResult"],
        actor=running.actor,
        feature="assistant",
        request_id=running.request_id,
    ):
        return result
    passages = [passage for _, passage in outcome.passages]
    if not passages_withheld(running, made, passages, "input"):
        return result
    made.calling.passages[before:] = [
        each for each in made.passages[before:] if each.chunk_id not in made.calling.withheld
    ]
    kept = {passage.chunk_id for passage in passages} - made.calling.withheld
    left = [
        (number, passage)
        for number, passage in enumerate(made.passages, start=1)
        if passage.chunk_id in kept
    ]
    text = passages_numbered(left) if left else ALL_REFUSED
    return tool_result(use.id, text)


def _run_all(running: RunningTurn, made: Made, uses: tuple[ToolUse, ...]) -> list[dict[str, Any]]:
    results = []
    for number, use in enumerate(uses):
        if running.cancelled.is_set() or number >= MOST_AT_ONCE:
            results.append(tool_result(use.id, "This was not done.", failed=True))
            continue
        before = len(made.passages)
        outcome = _run(running, made, use)
        if isinstance(outcome, Outcome):
            results.append(_result(running, made, use, outcome, before))
        else:
            results.append(tool_result(use.id, outcome.detail, failed=True))
    return results


def _run(running: RunningTurn, made: Made, use: ToolUse) -> Outcome | TenantryError:
    """Run one tool and tell it as it happens; a refusal is an outcome that the model is told."""
    tool = TOOLS.get(use.name)
    if tool is None:
        return ToolRefused(_("There is no tool %(tool)s.") % {"tool": use.name[:60]})
    at = step_told(running, made, name=tool.name, line=tool.doing)
    try:
        allowed(running.actor, tool)
        given = use.input if isinstance(use.input, dict) else {}
        outcome = _done(running, made, tool, use, given)
    except TenantryError as error:
        line = f"{tool.doing}: {error.detail}"
        step_told(running, made, name=tool.name, line=line, at=at, status="failed")
        return error
    except PASSING:
        raise
    except Exception:  # a defect in one tool does not end the answer; the model goes on without
        log.exception("tool.failed", tool=tool.name)
        refused = ToolRefused(_("This did not work because of a fault of ours; it was recorded."))
        line = f"{tool.doing}: {refused.detail}"
        step_told(running, made, name=tool.name, line=line, at=at, status="failed")
        return refused
    waits = bool(made.waiting) and made.waiting[-1].tool_use["id"] == use.id
    step_told(running, made, name=tool.name, line=outcome.line, at=at,
              status="waiting" if waits else "done",
              found=outcome.found, documents=outcome.documents)  # fmt: skip
    return outcome


def _done(
    running: RunningTurn, made: Made, tool: Tool, use: ToolUse, given: dict[str, Any]
) -> Outcome:
    if tool.plan is None:
        assert tool.read is not None  # a tool reads or plans
        return tool.read(made.calling, given)
    feature_require("actions")
    plan = tool.plan(made.calling, given)
    if plan.asked and not tool.confirms:
        return tool_change(actor=running.actor, tool=tool, arguments=plan.arguments)
    return _proposed(running, made, tool, use, plan)


def _proposed(running: RunningTurn, made: Made, tool: Tool, use: ToolUse, plan: Plan) -> Outcome:
    if len(made.waiting) >= MOST_WAITING:
        raise ToolRefused(
            _("One answer proposes at most %(most)s changes.") % {"most": MOST_WAITING}
        )
    action = action_propose(answer=running.turn.answer, tool=tool, plan=plan, use=use)
    made.waiting.append(action)
    return Outcome(
        "This waits for the user's confirmation.",
        _("Waits for you: %(summary)s") % {"summary": plan.summary},
    )


def _told_waiting(running: RunningTurn, made: Made, reply: ModelAnswer) -> None:
    """Say what waits, in our own words where the model said nothing, and ask."""
    if not reply.text.strip():
        planned = "; ".join(action.summary for action in made.waiting)
        said(
            running, made, _("I need your confirmation first: %(changes)s.") % {"changes": planned}
        )
    for action in made.waiting:
        running.frames.send(
            "confirm", message_id=str(running.turn.answer_id), **action_dict(action)
        )
