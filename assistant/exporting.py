"""Conversations and texts as files, for their users and for the workspace's archive."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from django.core.serializers.json import DjangoJSONEncoder
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from assistant.models import Conversation, Message, MessageRole, TextVersion, WrittenText
from assistant.selectors import thread_of
from assistant.shapes import conversation_dict, message_dict

NAME_CHARACTERS: Final = 60
_UNFIT: Final = re.compile(r"[^\w -]+")


def conversations_export() -> Iterator[tuple[str, bytes]]:
    """Yield each conversation of the entered workspace: its path and its newest thread."""
    for conversation in Conversation.objects.select_related("owner").iterator():
        name = f"{plain_name(str(conversation))} {conversation.id}.md"
        yield name, conversation_markdown(conversation).encode()


def plain_name(title: str, otherwise: str = "conversation") -> str:
    """Return what of a title may stand in a file's name."""
    return _UNFIT.sub("", title).strip()[:NAME_CHARACTERS] or otherwise


def file_name(conversation: Conversation) -> str:
    """Return a name for a download, as a header takes it."""
    return quote(plain_name(str(conversation)), safe="")


def conversation_json(conversation: Conversation) -> str:
    """Return the whole conversation, every branch, in the shape of the REST contract."""
    messages = conversation.messages.prefetch_related("actions")
    shape = {
        **conversation_dict(conversation),
        "messages": [message_dict(message) for message in messages],
    }
    return json.dumps(shape, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)


def conversation_markdown(conversation: Conversation) -> str:
    """Return the conversation's newest thread, with the sources of each answer."""
    parts = [f"# {conversation}", f"{conversation.owner.email}, {conversation.created_at:%Y-%m-%d}"]
    parts += [_said(message) for message in thread_of(conversation)]
    return "\n\n".join(parts) + "\n"


def texts_export() -> Iterator[tuple[str, bytes]]:
    """Yield each text of the entered workspace: its path and its newest version."""
    for text in WrittenText.objects.iterator():
        version = text.versions.last()
        if version is not None:
            name = f"{plain_name(text.title, 'text')} {text.id}.md"
            yield name, text_markdown(version).encode()


def text_markdown(version: TextVersion) -> str:
    """Return a version of a text with its sources."""
    return "\n\n".join([version.content.rstrip(), *_sources(version.citations)]) + "\n"


def _sources(citations: list[dict[str, Any]]) -> list[str]:
    lines = []
    for number, source in enumerate(citations, start=1):
        page = _(", page %(page)s") % {"page": source["page"]} if source.get("page") else ""
        lines.append(f"> [{number}] {source['quote']}\n> — {source['document_name']}{page}")
    return lines


def _said(message: Message) -> str:
    who = _("Question") if message.role == MessageRole.USER else _("Answer")
    lines = [f"## {who}", message.text or f"({message.get_status_display()})"]
    lines += [
        "> " + _("Attached: %(name)s (%(size)s)") % {**each, "size": filesizeformat(each["size"])}
        for each in message.attached
    ]
    lines += _sources(message.citations)
    return "\n\n".join(lines)
