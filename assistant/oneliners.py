"""What a small model says in one line: a question that stands alone, a conversation's title."""

from typing import Any, Final
from uuid import UUID, uuid4

from assistant.prompts import (
    SYSTEM_STANDALONE,
    SYSTEM_TITLE,
    Said,
    standalone_messages,
    title_messages,
)
from assistant.runner import RunningTurn
from bedrock.gateway import ModelRequest, converse
from tenants.errors import TenantryError
from tenants.naming import one_line

SHORT_TOKENS: Final = 120
TITLE_LENGTH: Final = 80
TITLE_WORDS: Final = 7  # of the question, where no model made a title


def question_alone(running: RunningTurn, asked: str, history: list[Said]) -> str:
    """Return the question as it can be understood without what was said before; empty if blocked.

    One call of the answer's own request. Raises TenantryError.
    """
    messages = standalone_messages(history, asked)
    feature = "standalone_question"
    return _short_answer(running, feature, SYSTEM_STANDALONE, messages, running.request_id)


def title_made(running: RunningTurn, question: str) -> str:
    """Return a name for a conversation that has none yet; a failure costs only its beauty."""
    if running.turn.conversation.title:
        return ""
    try:
        title = _short_answer(running, "title", SYSTEM_TITLE, title_messages(question), uuid4())
    except TenantryError:
        title = ""
    words = question.split()
    begins = " ".join(words[:TITLE_WORDS]) + ("…" if len(words) > TITLE_WORDS else "")
    return one_line(title or begins)[:TITLE_LENGTH].strip(" .\"'")


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
