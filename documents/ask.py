"""Answer a question from the documents, with quotations that were checked.

In one piece, or with its steps and words told as they come (`Telling`): the words are what the
model says; what they rest on is told at the end, when every quotation was checked.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from bedrock.gateway import (
    Finished,
    ModelAnswer,
    ModelRequest,
    TextBlocked,
    TextDelta,
    converse,
    converse_stream,
    grounding,
    mask,
)
from bedrock.prompting import feature_require, system_with
from bedrock.routing import regenerates_below
from bedrock.safety import least_grounding
from billing.selectors import request_cost
from billing.settlement import settlement_told, settlements_ride
from documents.citations import Citation, Grounded, cite, renumbered
from documents.conflicts import Conflict, conflicts_of
from documents.errors import QUESTION_CHARACTERS, QuestionEmpty, QuestionTooLong
from documents.followups import follow_ups
from documents.marks import unmarked
from documents.prompts import NOT_FOUND, SYSTEM_ASK, ask_content
from documents.versions import newest_ids
from documents.withheld import passages_refused, withheld_told
from search.retrieval import Passage, RetrievalScope, retrieve
from tenants.context import Actor, current
from tenants.liveframes import LiveFrames
from tenants.naming import many_lines

FEATURE: Final = "ask"
PASSAGES: Final = 8
ANSWER_TOKENS: Final = 800


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer; the `[n]` in its text are the citations' numbers."""

    answer: str
    grounded: Grounded
    citations: list[Citation]
    guardrail: Mapping[str, str]
    request_id: UUID
    usage: dict[str, Any] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)  # sources that say other figures
    question_masked: bool = False  # personal data in it was replaced before it was used
    follow_ups: list[str] = field(default_factory=list)  # questions that it leads to
    withheld: list[Passage] = field(default_factory=list)  # passages that the content rules refuse


@dataclass(slots=True)
class Telling:
    """Who is told of an answer while it is made; `begun` is set when its passages were found.

    Frames: `tool` of `search_documents` and `check_quotations`, `delta`, and `withdrawn` where what
    was shown does not hold.
    """

    frames: LiveFrames = field(default_factory=LiveFrames)
    cancelled: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    shown: bool = False

    def searching(self) -> None:
        self.frames.send("tool", name="search_documents", status="running")

    def passages(self, passages: list[Passage]) -> None:
        self.frames.send(
            "tool",
            name="search_documents",
            status="done",
            found=len(passages),
            documents=len({passage.document_id for passage in passages}),
        )
        self.begun.set()

    def word(self, text: str) -> None:
        self.shown = True
        self.frames.send("delta", text=text)

    def checking(self) -> None:
        self.frames.send("tool", name="check_quotations", status="running")

    def withdraw(self, reason: str) -> None:
        if self.shown:
            self.shown = False
            self.frames.send("withdrawn", reason=reason)


def question_checked(question: str) -> str:
    """Return the question without surrounding space. Raises QuestionEmpty or QuestionTooLong.

    A longer question is refused, never cut: a cut one is another question.
    """
    asked = many_lines(question)
    if not asked:
        raise QuestionEmpty
    if len(asked) > QUESTION_CHARACTERS:
        raise QuestionTooLong(limit=QUESTION_CHARACTERS)
    return asked


def ask(
    *,
    actor: Actor,
    question: str,
    scope: RetrievalScope,
    request_id: UUID,
    telling: Telling | None = None,
) -> Answer:
    """Answer from the documents in `scope` that the actor may see, replaced ones by the newest.

    One embedding, one model call and one grounding check, all under `request_id`; where the check
    finds little and the plan has it, the answer is made once more by the frontier model. Where the
    workspace masks, one check more masks the question before anything else sees it. Raises
    NotFound for unknown ids in the scope, RateLimited, QuotaExhausted, ModelError, and while it is
    told ModelStreamInterrupted.
    """
    feature_require(FEATURE)
    said = question_checked(question)
    with settlements_ride():
        try:
            [asked] = mask([said], actor=actor, feature=FEATURE, request_id=request_id)
        except TextBlocked as blocked:
            return _answer(blocked.detail, "none", [], {"action": "blocked"}, request_id)
        answer = _made(actor, asked, scope, request_id, telling)
    return replace(answer, question_masked=asked != said)


def _made(
    actor: Actor, asked: str, scope: RetrievalScope, request_id: UUID, telling: Telling | None
) -> Answer:
    if scope.document_ids is not None:
        scope = replace(scope, document_ids=newest_ids(actor, scope.document_ids))
    if telling is not None:
        telling.searching()
    passages = retrieve(
        actor=actor, scope=scope, query=asked, limit=PASSAGES, request_id=request_id
    )
    if telling is not None:
        telling.passages(passages)
    if not passages or (telling is not None and telling.cancelled.is_set()):
        return _answer(NOT_FOUND, "none", [], {"action": "none"}, request_id)
    reply = _replied(actor, asked, passages, request_id, telling)
    withheld: list[Passage] = []
    if reply.refused is not None:
        withheld = passages_refused(
            passages, side=reply.refused, actor=actor, feature=FEATURE, request_id=request_id
        )
    if withheld and reply.refused == "input":
        passages = [passage for passage in passages if passage not in withheld]
        if not passages:
            told = _answer(withheld_told(withheld), "none", [], reply.guardrail, request_id)
            return replace(told, withheld=withheld)
        reply = _replied(actor, asked, passages, request_id, telling)
    citations, grounded = _cited(reply, passages)
    least = regenerates_below(current(), FEATURE)
    answered = not reply.blocked and reply.text.strip() != NOT_FOUND
    answered = answered and not (telling is not None and telling.cancelled.is_set())
    score: float | None = None
    if answered and (grounded == "full" or least is not None):
        score = grounding_score(actor, FEATURE, asked, reply.text, passages, request_id)
    if score is not None and least is not None and score < least:
        if telling is not None:
            telling.withdraw("grounding")
        reply = _replied(actor, asked, passages, request_id, telling, grounding=score)
        citations, grounded = _cited(reply, passages)
        score = grounding_score(actor, FEATURE, asked, reply.text, passages, request_id)
    if grounded == "full" and score is not None and score < least_grounding(current()):
        grounded = "partly"
    text, numbered = renumbered(reply.text, citations)
    told = _answer(text, grounded, numbered, reply.guardrail, request_id)
    return replace(
        told,
        conflicts=conflicts_of(numbered, passages),
        follow_ups=follow_ups(numbered),
        withheld=withheld,
    )


def _replied(
    actor: Actor,
    asked: str,
    passages: list[Passage],
    request_id: UUID,
    telling: Telling | None,
    *,
    grounding: float | None = None,
) -> ModelAnswer:
    request = ModelRequest(
        feature=FEATURE,
        actor=actor,
        request_id=request_id,
        system=system_with(SYSTEM_ASK, actor=actor, feature=FEATURE, request_id=request_id),
        messages=[{"role": "user", "content": ask_content(passages, asked)}],
        max_tokens=ANSWER_TOKENS,
        grounding=grounding,
    )
    return converse(request) if telling is None else _told(request, telling)


def _told(request: ModelRequest, telling: Telling) -> ModelAnswer:
    """Return the reply, whose words are told as they come."""
    finished: Finished | None = None
    for event in converse_stream(request, cancelled=telling.cancelled.is_set):
        if isinstance(event, TextDelta):
            telling.word(event.text)
        elif isinstance(event, Finished):
            finished = event
    assert finished is not None  # a stream that did not raise has its end
    if finished.answer.blocked:
        telling.withdraw("guardrail")
    telling.checking()
    return finished.answer


def _cited(reply: ModelAnswer, passages: list[Passage]) -> tuple[list[Citation], Grounded]:
    """Return what is cited; a blocked answer rests on nothing."""
    return ([], "none") if reply.blocked else cite(reply.text, passages)


def grounding_score(
    actor: Actor,
    feature: str,
    question: str,
    answer: str,
    passages: list[Passage],
    request_id: UUID,
) -> float | None:
    """Return how far the guardrail's own check, if there is one, finds the answer borne out.

    The question must be one that can be understood alone.
    """
    judged = grounding(
        sources=[passage.text for passage in passages],
        question=question,
        answer=unmarked(answer),
        actor=actor,
        feature=feature,
        request_id=request_id,
    )
    return None if judged is None else judged.grounding


def _answer(
    text: str,
    grounded: Grounded,
    citations: list[Citation],
    guardrail: Mapping[str, str],
    request_id: UUID,
) -> Answer:
    return Answer(
        answer=text,
        grounded=grounded,
        citations=citations,
        guardrail=guardrail,
        request_id=request_id,
        usage=usage_of(request_id),
    )


def usage_of(request_id: UUID) -> dict[str, Any]:
    """Return what the ledger holds for a request: units by name, and dollars; one statement.

    The settlement that waits, if one does, is written in it, before.
    """
    if (told := settlement_told(request_id)) is not None:
        return told
    cost = request_cost(request_id)
    return {**cost.units, "cost_usd": f"{cost.usd.normalize():f}"}
