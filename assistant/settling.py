"""End a turn: verify what the answer cites, store it, tell it."""

import time
from collections.abc import Callable
from typing import Any, Final

import structlog
from django.db import connection

from assistant.ending import turn_end
from assistant.errors import Interrupted
from assistant.helping import cited
from assistant.looping import Made
from assistant.models import Message, MessageStatus
from assistant.oneliners import title_made
from assistant.runner import RunningTurn
from assistant.shapes import action_dict, citation_dict, conflict_dict
from bedrock.gateway import Finished
from bedrock.safety import least_grounding
from documents.ask import grounding_score
from documents.citations import Citation, renumbered
from documents.conflicts import conflicts_of
from documents.followups import follow_ups
from documents.rendering import answer_html
from tenants.context import current
from tenants.errors import TenantryError
from tenants.foreseen import PASSING, error_members

STORE_TRIES: Final = 10  # about 30 s of a database that is restarting

Json = dict[str, Any]
log = structlog.get_logger(__name__)


def turn_settle(
    running: RunningTurn, question: Message, finished: Finished | None, made: Made
) -> None:
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
    title = title_made(running, made.asked or question.text)
    usage = _stored(
        lambda: turn_end(
            turn,
            status=status,
            text=text,
            citations=citations,
            grounded=grounded,
            stop_reason=stop_reason,
            metered=running.request_id,
            title=title,
            steps=made.steps,
            follow_ups=further,
            conflicts=differing,
        )
    )
    if usage is None:  # the lease ran out, the database being away, and the turn was ended for us
        turn_broken(running, Interrupted(), made)
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
            running.actor, "assistant", made.alone, text, made.passages, running.request_id
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


def turn_broken(running: RunningTurn, error: TenantryError, made: Made) -> None:
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
                metered=running.request_id if made.shown else None,
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
