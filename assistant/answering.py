"""Make one answer: understand the question, retrieve, stream, verify the citations, store."""

import time
from collections.abc import Callable
from typing import Any, Final

import structlog
from django.db import OperationalError, connection
from psycopg_pool import PoolTimeout

from assistant.models import Conversation, Message, MessageStatus, Turn
from assistant.prompts import (
    SYSTEM_ASSISTANT,
    SYSTEM_STANDALONE,
    SYSTEM_TITLE,
    leans_on_history,
    standalone_messages,
    title_messages,
    turn_messages,
)
from assistant.runner import RunningTurn
from assistant.selectors import history_of
from assistant.services import citation_dict, turn_end
from bedrock.errors import ModelStreamInterrupted
from bedrock.gateway import Finished, ModelRequest, TextDelta, converse, converse_stream
from billing.selectors import request_cost
from documents.citations import cite, renumbered
from documents.rendering import answer_html
from search.retrieval import Passage, RetrievalScope, retrieve
from tenants.errors import TenantryError, Unavailable

PASSAGES: Final = 6
ANSWER_TOKENS: Final = 1_000
SHORT_TOKENS: Final = 120  # for a title or a rewritten question
STORE_TRIES: Final = 8  # about 30 s of a database that is restarting

log = structlog.get_logger(__name__)


def answer(running: RunningTurn) -> None:
    """Run the turn to its end, whatever that is; every end is stored and told."""
    turn, frames = running.turn, running.frames
    question = turn.answer.parent
    assert question is not None
    frames.send(
        "turn.started",
        message_id=str(turn.answer_id),
        question_id=str(question.id),
        request_id=str(turn.answer.request_id),
    )
    shown: list[str] = []
    try:
        history = history_of(question)
        passages = _passages(running, question, history)
        _stream(running, question, history, passages, shown)
    except ModelStreamInterrupted as error:
        _broken(running, error, "".join(shown), MessageStatus.INTERRUPTED)
    except TenantryError as error:
        status = MessageStatus.INTERRUPTED if shown else MessageStatus.FAILED
        _broken(running, error, "".join(shown), status)
    except (OperationalError, PoolTimeout):
        log.warning("turn.database_lost")
        _broken(running, Unavailable(), "".join(shown), MessageStatus.INTERRUPTED)


def _passages(
    running: RunningTurn, question: Message, history: list[Message]
) -> list[Passage]:
    frames = running.frames
    frames.send("tool", name="search_documents", status="running")
    asked = question.text
    if leans_on_history(asked, history):
        asked = _short_answer(
            running, "standalone_question", SYSTEM_STANDALONE, standalone_messages(history, asked)
        ) or asked
    assert running.turn.answer.request_id is not None
    passages = retrieve(
        actor=running.actor,
        scope=RetrievalScope(),
        query=asked[:1000],
        limit=PASSAGES,
        request_id=running.turn.answer.request_id,
    )
    frames.send("tool", name="search_documents", status="done", found=len(passages))
    return passages


def _short_answer(
    running: RunningTurn, feature: str, system: str, messages: list[dict[str, Any]]
) -> str:
    """Return a small model's one line; empty when the guardrail keeps it from answering."""
    from uuid import uuid4

    reply = converse(
        ModelRequest(
            feature=feature,
            actor=running.actor,
            request_id=uuid4(),
            system=system,
            messages=messages,
            max_tokens=SHORT_TOKENS,
        )
    )
    return "" if reply.blocked else " ".join(reply.text.split())


def _stream(
    running: RunningTurn,
    question: Message,
    history: list[Message],
    passages: list[Passage],
    shown: list[str],
) -> None:
    turn, frames = running.turn, running.frames
    assert turn.answer.request_id is not None
    request = ModelRequest(
        feature="assistant",
        actor=running.actor,
        request_id=turn.answer.request_id,
        system=SYSTEM_ASSISTANT,
        messages=turn_messages(history, question.text, passages),
        max_tokens=ANSWER_TOKENS,
    )
    finished: Finished | None = None
    for event in converse_stream(request, cancelled=running.cancelled.is_set):
        if isinstance(event, TextDelta):
            if not shown:
                connection.close()  # a stream lasts; its thread must not keep a pooled connection
            shown.append(event.text)
            frames.send("delta", text=event.text)
        elif isinstance(event, Finished):
            finished = event
    assert finished is not None  # a stream that did not raise has its end
    _settle(running, question, passages, finished, "".join(shown))


def _settle(
    running: RunningTurn,
    question: Message,
    passages: list[Passage],
    finished: Finished,
    shown: str,
) -> None:
    turn, frames, reply = running.turn, running.frames, finished.answer
    if reply.blocked:
        if shown:
            frames.send("withdrawn", message_id=str(turn.answer_id), reason="guardrail")
        else:
            frames.send("delta", text=reply.text)
        status, text = MessageStatus.WITHDRAWN, reply.text
    else:
        stopped = reply.stop_reason == "stopped"
        status = MessageStatus.STOPPED if stopped else MessageStatus.COMPLETE
        text = shown if stopped else reply.text
    citations, grounded = [], ""
    if passages and not reply.blocked:
        citations, grounded = cite(text, passages)
        text, citations = renumbered(text, citations)
    usage = _usage(turn)
    stored = _stored(
        lambda: turn_end(
            turn,
            status=status,
            text=text,
            citations=citations,
            grounded=grounded,
            stop_reason=reply.stop_reason,
            usage=usage,
        )
    )
    if not stored:
        return
    title = _titled(running, question)
    frames.send(
        "citations",
        message_id=str(turn.answer_id),
        grounded=grounded or None,
        citations=[citation_dict(citation) for citation in citations],
    )
    frames.send(
        "turn.finished",
        message_id=str(turn.answer_id),
        usage=usage,
        stop_reason=reply.stop_reason,
        status=status.value,
        text=text,
        html=answer_html(text, citations),
        title=title,
    )


def _usage(turn: Turn) -> dict[str, Any]:
    """Return what the answer used, as the ledger has it."""
    assert turn.answer.request_id is not None
    cost = request_cost(turn.answer.request_id)
    return {**cost.units, "cost_usd": str(cost.usd)}


def _titled(running: RunningTurn, question: Message) -> str:
    """Name a conversation that has no name yet; a failure costs only the name."""
    conversation = Conversation.objects.get(id=running.turn.conversation_id)
    if conversation.title:
        return conversation.title
    try:
        title = _short_answer(running, "title", SYSTEM_TITLE, title_messages(question.text))
    except TenantryError:
        title = ""
    title = (title or " ".join(question.text.split()[:7]))[:80].strip(" .\"'")
    Conversation.objects.filter(id=conversation.id, title="").update(title=title)
    return title


def _broken(
    running: RunningTurn, error: TenantryError, shown: str, status: MessageStatus
) -> None:
    """Store what had arrived with the reason, and tell it."""
    turn = running.turn
    _stored(
        lambda: turn_end(
            turn,
            status=status,
            text=shown,
            stop_reason="error",
            error_code=error.code,
            error=error.detail,
        )
    )
    told = {
        name: error.extra[name] for name in ("retry_after", "upgrade_url") if name in error.extra
    }
    running.frames.send(
        "error",
        message_id=str(turn.answer_id),
        code=error.code,
        detail=error.detail,
        **told,
    )


def _stored(store: Callable[[], bool]) -> bool:
    """Store, again while the database is restarting. The lease outlives a short one."""
    for attempt in range(STORE_TRIES):
        try:
            return store()
        except (OperationalError, PoolTimeout):
            connection.close()
            if attempt == STORE_TRIES - 1:
                raise
            time.sleep(min(0.25 * 2**attempt, 5))
    return False
