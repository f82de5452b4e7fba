"""Long conversations: what came first is summarized once, so that a model's context has room.

A summary is kept at the answer it reaches to, on that branch, and stands in the place of all before
it. Until the next one is due, a turn begins with the same words as the turn before, longer by one
question and answer: that is what the service's cache of prefixes needs.
"""

from collections.abc import Sequence
from typing import Final

import structlog

from assistant.models import Message, MessageRole
from assistant.prompts import HISTORY_CHARACTERS, SYSTEM_SUMMARY, Said, summary_messages
from assistant.runner import RunningTurn
from bedrock.gateway import ModelRequest, as_masked, converse
from tenants.errors import TenantryError

KEPT_CHARACTERS: Final = HISTORY_CHARACTERS // 3  # of the newest messages, that stay word for word
SUMMARY_TOKENS: Final = 400

log = structlog.get_logger(__name__)


def since_summary(messages: Sequence[Message]) -> list[Message]:
    """Return the messages from the one that the newest summary reaches to."""
    for at in range(len(messages) - 1, -1, -1):
        if messages[at].summary:
            return list(messages[at:])
    return list(messages)


def summary_due(history: Sequence[Said], before: str) -> int:
    """Return how many of the messages are to be summarized now; mostly none.

    They end with an answer, and the newest of KEPT_CHARACTERS stay.
    """
    if len(before) + sum(len(said.text) for said in history) <= HISTORY_CHARACTERS:
        return 0
    kept, at = 0, len(history)
    while at > 0 and kept + len(history[at - 1].text) <= KEPT_CHARACTERS:
        at -= 1
        kept += len(history[at].text)
    at = min(at, len(history) - 2)  # the last question and answer stay, however long
    while at > 0 and history[at - 1].role != MessageRole.ASSISTANT:
        at -= 1
    return max(at, 0)


def summary_made(running: RunningTurn, upto: Message, said: Sequence[Said], before: str) -> str:
    """Summarize with the small model and keep it at `upto`; empty where that did not work."""
    try:
        reply = converse(
            ModelRequest(
                feature="summary",
                actor=running.actor,
                request_id=running.request_id,
                system=SYSTEM_SUMMARY,
                messages=summary_messages(before, said),
                max_tokens=SUMMARY_TOKENS,
            )
        )
    except TenantryError as error:  # the answer goes on with what has room
        log.warning("summary.not_made", code=error.code)
        return ""
    text = "" if reply.blocked else reply.text.strip()
    if text:
        Message.objects.filter(id=upto.id).update(summary=text)
    return as_masked(text, before, *(each.text for each in said)) if text else ""
