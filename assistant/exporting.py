"""Conversations as Markdown files, for the workspace's archive."""

import re
from collections.abc import Iterator
from typing import Final

from assistant.models import Conversation, Message, MessageRole
from assistant.selectors import thread_of

NAME_CHARACTERS: Final = 60
_UNFIT: Final = re.compile(r"[^\w -]+")


def conversations_export() -> Iterator[tuple[str, bytes]]:
    """Yield each conversation of the entered workspace: its path and its newest thread."""
    for conversation in Conversation.objects.select_related("owner").iterator():
        name = _UNFIT.sub("", str(conversation)).strip()[:NAME_CHARACTERS] or "conversation"
        yield f"{name} {conversation.id}.md", conversation_markdown(conversation).encode()


def conversation_markdown(conversation: Conversation) -> str:
    """Return the conversation's newest thread, with the sources of each answer."""
    parts = [f"# {conversation}", f"{conversation.owner.email}, {conversation.created_at:%Y-%m-%d}"]
    parts += [_said(message) for message in thread_of(conversation)]
    return "\n\n".join(parts) + "\n"


def _said(message: Message) -> str:
    who = "Question" if message.role == MessageRole.USER else "Answer"
    lines = [f"## {who}", message.text or f"({message.get_status_display()})"]
    for number, source in enumerate(message.citations, start=1):
        page = f", page {source['page']}" if source.get("page") else ""
        lines.append(f"> [{number}] {source['quote']}\n> — {source['document_name']}{page}")
    return "\n\n".join(lines)
