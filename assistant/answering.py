"""Make one answer: understand the question, retrieve, stream, verify the citations, store."""

import time
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from django.db import connection
from django.utils.translation import gettext as _

from assistant.actions import action_carry_out
from assistant.attached import Files, attached_read, files_of
from assistant.ending import turn_end
from assistant.errors import PASSING, Interrupted, error_members, foreseen
from assistant.followups import follow_ups
from assistant.helping import cited, configurations, help_passages, helped_line
from assistant.looping import Made, said, step_told, tool_result, worked
from assistant.models import Action, ActionState, Message, MessageStatus
from assistant.prompts import (
    SYSTEM_STANDALONE,
    SYSTEM_TITLE,
    Said,
    leans_on_history,
    standalone_messages,
    title_messages,
    turn_messages,
)
from assistant.runner import RunningTurn
from assistant.seeing import pictures_seen
from assistant.selectors import before_turn
from assistant.shapes import action_dict, citation_dict, conflict_dict
from assistant.summarizing import since_summary, summary_due, summary_made
from assistant.tools import TOOLS
from assistant.tools.base import Calling, Outcome
from assistant.tools.reading import searched_line
from bedrock.gateway import (
    Finished,
    Masked,
    ModelRequest,
    TextBlocked,
    as_masked,
    converse,
    mask,
    refused,
)
from bedrock.safety import least_grounding
from billing.settlement import settlements_ride
from documents.ask import grounding_score
from documents.citations import Citation, renumbered
from documents.conflicts import conflicts_of
from documents.rendering import answer_html
from search.retrieval import find
from tenants.context import current
from tenants.errors import TenantryError

PASSAGES: Final = 6
SHORT_TOKENS: Final = 120  # for a title or a rewritten question
QUERY_CHARACTERS: Final = 1_000  # of a question that are searched for; all of it is answered
TITLE_LENGTH: Final = 80
STORE_TRIES: Final = 10  # about 30 s of a database that is restarting

Json = dict[str, Any]
log = structlog.get_logger(__name__)


def answer(running: RunningTurn) -> None:
    """Run the turn to its end, whatever that is; every end is stored and told."""
    turn = running.turn
    question = turn.answer.parent
    assert question is not None  # an answer always has its question
    made = Made(
        Calling(
            actor=running.actor,
            conversation_id=turn.conversation_id,
            request_id=_request_id(running),
            said=question.text,
        )
    )
    before = before_turn(question, turn)
    running.frames.send(
        "turn.started",
        message_id=str(turn.answer_id),
        question_id=str(question.id),
        question=question.text,
        attachments=question.attached,
        parent_id=str(question.parent_id) if question.parent_id else None,
        question_versions=before.question_versions,
        versions=before.versions,
        request_id=str(turn.answer.request_id),
    )
    try:
        with settlements_ride():
            finished = _answered(running, question, before.history, made)
            _settle(running, question, finished, made)
    except Exception as error:  # a defect must not leave a turn that never ends
        _broken(running, foreseen(error), made)


def _answered(
    running: RunningTurn, question: Message, before: list[Message], made: Made
) -> Finished | None:
    """Return the model's last answer; None when the reader stopped it before a model was asked."""
    earlier = since_summary(before)
    try:
        asked, *history = _said(running, [question, *earlier])
    except TextBlocked as blocked:
        return Finished(refused(_request_id(running), blocked))
    made.asked = asked.text
    history = _shortened(running, earlier, history, made)
    if question.decided is not None:
        return _decided(running, question.decided, history, made)
    _search(running, asked.text, history, made, files_of(question, before))
    if running.cancelled.is_set():
        return None
    messages = turn_messages(history, asked.text, made.passages, made.summary, made.pictures)
    return worked(running, made, messages)


def _shortened(
    running: RunningTurn, earlier: list[Message], history: list[Said], made: Made
) -> list[Said]:
    """Return what a model is told word for word; what came before it is in `made.summary`."""
    if earlier and earlier[0].summary:
        made.summary = as_masked(earlier[0].summary, history[0].text)
        earlier, history = earlier[1:], history[1:]
    count = summary_due(history, made.summary)
    if not count:
        return history
    at = step_told(running, made, name="summarize", line=_("Summarizing earlier messages"))
    made_now = summary_made(running, earlier[count - 1], history[:count], made.summary)
    line = _("Earlier messages could not be summarized")
    if made_now:
        line = _("Earlier messages summarized")
    status = "done" if made_now else "failed"
    step_told(running, made, name="summarize", line=line, at=at, status=status)
    made.summary = made_now or made.summary
    return history[count:] if made_now else history


def _decided(
    running: RunningTurn, action: Action, history: list[Said], made: Made
) -> Finished | None:
    """Carry out what was approved, once, and let the model go on from its result."""
    if action.state == ActionState.DECLINED:
        made.ruled = True
        said(running, made, _("All right, nothing was changed."))
        return None
    tool = TOOLS[action.name]
    text = action.result
    failed = action.state == ActionState.FAILED
    if action.state == ActionState.APPROVED:
        at = step_told(running, made, name=tool.name, line=tool.doing)
        outcome = action_carry_out(actor=running.actor, action=action)
        failed = not isinstance(outcome, Outcome)
        text = outcome.text if isinstance(outcome, Outcome) else outcome.detail
        line = outcome.line if isinstance(outcome, Outcome) else f"{tool.doing}: {text}"
        status = "failed" if failed else "done"
        step_told(running, made, name=tool.name, line=line, at=at, status=status)
    use = action.tool_use
    called = {"toolUseId": use["id"], "name": use["name"], "input": use["input"]}
    messages = [
        *turn_messages(history, made.asked, [], made.summary),
        {"role": "assistant", "content": [{"toolUse": called}]},
        {"role": "user", "content": [tool_result(use["id"], text, failed=failed)]},
    ]
    return worked(running, made, messages)


def _said(running: RunningTurn, messages: list[Message]) -> list[Said]:
    """Return the messages as a model may read them; the first is the question.

    Raises TextBlocked for a question that the content rules refuse; an earlier message that they
    refuse, as withdrawn ones are, is left empty.
    """

    def masked(texts: list[str]) -> list[str]:
        return mask(
            texts,
            actor=running.actor,
            feature="assistant",
            request_id=_request_id(running),
        )

    texts = [message.text for message in messages]
    try:
        done = masked(texts)
    except TextBlocked:
        done = masked(texts[:1])
        for text in texts[1:]:
            try:
                done += masked([text])
            except TextBlocked:
                done.append(Masked(""))
    return [
        Said(message.role, message.status, text)
        for message, text in zip(messages, done, strict=True)
    ]


def _request_id(running: RunningTurn) -> UUID:
    request_id = running.turn.answer.request_id
    assert request_id is not None  # given when the turn began
    return request_id


def _search(
    running: RunningTurn, asked: str, history: list[Said], made: Made, files: Files
) -> None:
    """Look for passages before the model is asked: most questions then need no further step.

    Attached files come before the workspace's documents.
    """
    name = "search_documents"
    at = step_told(running, made, name=name, line=TOOLS[name].doing)
    if leans_on_history(asked, history):
        messages = standalone_messages(history, asked)
        alone = _short_answer(
            running, "standalone_question", SYSTEM_STANDALONE, messages, _request_id(running)
        )
        asked = as_masked(alone, asked) or asked
    made.alone = str(asked)
    query = as_masked(asked[:QUERY_CHARACTERS], asked)
    attached_read(running, made, files, query)
    pictures_seen(running, made, files)
    findings = find(
        actor=running.actor, scope=made.calling.scope, query=query, limit=PASSAGES,
        request_id=_request_id(running), phrases=False, stems_in=configurations(),
    )  # fmt: skip
    passages = findings.passages
    known = {passage.chunk_id for passage in made.passages}
    made.calling.passages += [each for each in passages if each.chunk_id not in known]
    found = len({passage.document_id for passage in passages})
    line = searched_line(len(passages), found)
    step_told(running, made, name=name, line=line, at=at, status="done",
              found=len(passages), documents=found)  # fmt: skip
    if helped := help_passages(asked, findings.words.stems):
        made.calling.passages += helped
        step_told(running, made, name="search_help", line=helped_line(helped), status="done")


def _short_answer(
    running: RunningTurn,
    feature: str,
    system: str,
    messages: list[dict[str, Any]],
    request_id: UUID,
) -> str:
    """Return a small model's one line; empty when the guardrail keeps it from answering."""
    reply = converse(
        ModelRequest(
            feature=feature,
            actor=running.actor,
            request_id=request_id,
            system=system,
            messages=messages,
            max_tokens=SHORT_TOKENS,
        )
    )
    return "" if reply.blocked else " ".join(reply.text.split())


def _settle(running: RunningTurn, question: Message, finished: Finished | None, made: Made) -> None:
    """Verify, store and tell a finished answer."""
    turn, frames = running.turn, running.frames
    status, text, stop_reason = _outcome(finished, made)
    if status == MessageStatus.WITHDRAWN and made.shown:
        frames.withdraw(message_id=str(turn.answer_id), reason="guardrail")
    elif status == MessageStatus.WITHDRAWN:
        frames.send("delta", text=text)
    citations: list[Citation] = []
    grounded = ""
    if made.passages and text and status != MessageStatus.WITHDRAWN:
        citations, grounded = cited(text, made.passages)
        if (made.used_tools or made.pictures) and not citations:
            grounded = ""  # what a tool brought or a picture shows is no claim about documents
        if grounded == "full" and not _borne_out(running, made, text):
            grounded = "partly"
        text, citations = renumbered(text, citations)
    further, differing = follow_ups(citations), conflicts_of(citations, made.passages)
    title = _title(running, made.asked or question.text)
    usage = _stored(
        lambda: turn_end(
            turn,
            status=status,
            text=text,
            citations=citations,
            grounded=grounded,
            stop_reason=stop_reason,
            metered=_request_id(running),
            title=title,
            steps=made.steps,
            follow_ups=further,
            conflicts=differing,
        )
    )
    if usage is None:  # the lease ran out, the database being away, and the turn was ended for us
        _broken(running, Interrupted(), made)
        return
    told = [citation_dict(citation) for citation in citations]
    message_id = str(turn.answer_id)
    frames.send("citations", message_id=message_id, grounded=grounded or None, citations=told)
    frames.send(
        "turn.finished",
        message_id=message_id,
        question_id=str(question.id),
        request_id=str(turn.answer.request_id),
        usage=usage,
        stop_reason=stop_reason,
        status=str(status),
        grounded=grounded or None,
        citations=told,
        conflicts=[conflict_dict(each) for each in differing],
        text=text,
        html=str(answer_html(text, citations)),
        error=None,
        steps=made.steps,
        follow_ups=further,
        actions=[action_dict(action) for action in made.waiting],
        title=title or turn.conversation.title,
    )


def _borne_out(running: RunningTurn, made: Made, text: str) -> bool:
    """Say whether the guardrail finds the answer in its sources; what it cannot check is not said.

    The words were shown already, after the guardrail's other policies: only the claim is at stake.
    """
    try:
        score = grounding_score(
            running.actor, "assistant", made.alone, text, made.passages, _request_id(running)
        )
    except TenantryError as error:
        log.warning("turn.grounding_unknown", code=error.code)
        return False
    return score is None or score >= least_grounding(current())


def _outcome(finished: Finished | None, made: Made) -> tuple[MessageStatus, str, str]:
    """Return the answer's status, its text, and why it ended."""
    if finished is None:
        if made.ruled:
            return MessageStatus.COMPLETE, made.text, "end_turn"
        return MessageStatus.STOPPED, made.text, "stopped"
    reply = finished.answer
    if reply.blocked:
        return MessageStatus.WITHDRAWN, reply.text, reply.stop_reason
    if reply.stop_reason == "stopped":
        return MessageStatus.STOPPED, made.text, reply.stop_reason
    return MessageStatus.COMPLETE, made.text, "confirm" if made.waiting else reply.stop_reason


def _title(running: RunningTurn, question: str) -> str:
    """Return a name for a conversation that has none yet; a failure costs only its beauty."""
    if running.turn.conversation.title:
        return ""
    try:
        title = _short_answer(running, "title", SYSTEM_TITLE, title_messages(question), uuid4())
    except TenantryError:
        title = ""
    return (title or " ".join(question.split()[:7]))[:TITLE_LENGTH].strip(" .\"'")


def _broken(running: RunningTurn, error: TenantryError, made: Made) -> None:
    """Store what had arrived with the reason, and tell it."""
    turn = running.turn
    running.error = error
    status = MessageStatus.INTERRUPTED if made.shown else MessageStatus.FAILED
    text, citations = made.text, list[Citation]()
    if text and made.passages:
        text, citations = renumbered(text, cited(text, made.passages)[0])
    try:
        _stored(
            lambda: turn_end(
                turn,
                status=status,
                text=text,
                citations=citations,
                stop_reason="error",
                error_code=error.code,
                error=error.detail,
                metered=_request_id(running) if made.shown else None,
                steps=made.steps,
            )
        )
    except PASSING:  # the reaper marks it when the database is back
        log.error("turn.not_stored", turn=str(turn.id))
    running.frames.send("error", message_id=str(turn.answer_id), **error_members(error))


def _stored(store: Callable[[], Json | None]) -> Json | None:
    """Store, again while the database is restarting. The keeper renews the lease meanwhile."""
    for attempt in range(STORE_TRIES):
        try:
            return store()
        except PASSING:
            connection.close()
            if attempt == STORE_TRIES - 1:
                raise
            time.sleep(min(0.25 * 2**attempt, 5))
    return None
