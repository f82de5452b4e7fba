"""The shapes of the REST contract and of final frames, made from rows."""

from typing import Any

from django.utils import timezone

from assistant.frames import last_seq
from assistant.models import Action, ActionState, Conversation, Message, MessageRole, Turn
from documents.citations import Citation
from documents.conflicts import Conflict
from documents.rendering import answer_html
from documents.withheld import REFUSED
from search.retrieval import Passage
from tenants.liveframes import Frame


def citation_dict(citation: Citation) -> dict[str, Any]:
    """Return a citation as REST, sockets and stored messages have it."""
    return {
        "number": citation.number,
        "document_id": str(citation.document_id),
        "document_name": citation.document_name,
        "page": citation.page,
        "quote": citation.quote,
        "start": citation.start,
        "end": citation.end,
        "chunk_id": str(citation.chunk_id),
        "url": citation.url,
        "recognized": citation.recognized,
    }


def withheld_dict(passage: Passage) -> dict[str, Any]:
    """Return a passage that the content rules refuse as REST has it."""
    return {
        "document_id": str(passage.document_id),
        "document_name": passage.document_name,
        "page": passage.page,
        "code": REFUSED,
    }


def conflict_dict(conflict: Conflict) -> dict[str, Any]:
    """Return two sources that differ as REST, sockets and stored messages have them."""
    return {"cited": citation_dict(conflict.cited), "other": citation_dict(conflict.other)}


def action_dict(action: Action) -> dict[str, Any]:
    """Return an action as REST and sockets have it."""
    expired = action.state == ActionState.WAITING and action.expires_at <= timezone.now()
    return {
        "action_id": str(action.id),
        "name": action.name,
        "summary": action.summary,
        "state": "expired" if expired else str(action.state),
        "expires_at": action.expires_at.isoformat(),
    }


def citations_of(message: Message) -> list[Citation]:
    """Return a stored message's citations as the renderer takes them."""
    return [Citation(**found) for found in message.citations]


def conflicts_stored(message: Message) -> list[Conflict]:
    """Return what a stored message's sources say differently."""
    return [
        Conflict(Citation(**found["cited"]), Citation(**found["other"]))
        for found in message.conflicts
    ]


def message_html(message: Message) -> str:
    """Return an answer's text as safe HTML."""
    return answer_html(message.text, citations_of(message))


def error_of(message: Message) -> dict[str, str] | None:
    """Return what ended an answer early, if something did."""
    if not message.error_code:
        return None
    return {"code": message.error_code, "detail": message.error}


def message_dict(message: Message) -> dict[str, Any]:
    """Return a message in the shape of the REST contract."""
    shape: dict[str, Any] = {
        "id": str(message.id),
        "parent_id": str(message.parent_id) if message.parent_id else None,
        "role": message.role,
        "text": message.text,
        "status": message.status,
        "created_at": message.created_at,
    }
    if message.role == MessageRole.USER:
        shape["attachments"] = message.attached
    else:
        shape |= {
            "grounded": message.grounded or None,
            "citations": message.citations,
            "conflicts": message.conflicts,
            "usage": message.usage,
            "stop_reason": message.stop_reason or None,
            "error": error_of(message),
            "steps": message.steps,
            "follow_ups": message.follow_ups,
            "rating": message.rating or None,
            "actions": [action_dict(action) for action in message.actions.all()],
            "request_id": str(message.request_id) if message.request_id else None,
        }
    return shape


def conversation_dict(conversation: Conversation) -> dict[str, Any]:
    """Return a conversation without its messages."""
    return {
        "id": str(conversation.id),
        "title": conversation.title,
        "pinned": conversation.pinned_at is not None,
        "shared": conversation.shared_at is not None,
        "leaf_id": str(conversation.leaf) if conversation.leaf else None,
        "created_at": conversation.created_at,
        "updated_at": conversation.updated_at,
    }


def finished_members(message: Message, title: str) -> dict[str, Any]:
    """Return what `turn.finished` says of a stored answer."""
    return {
        "message_id": str(message.id),
        "question_id": str(message.parent_id),
        "request_id": str(message.request_id),
        "usage": message.usage,
        "stop_reason": message.stop_reason,
        "status": str(message.status),
        "grounded": message.grounded or None,
        "citations": message.citations,
        "conflicts": message.conflicts,
        "text": message.text,
        "html": str(message_html(message)),
        "error": error_of(message),
        "steps": message.steps,
        "follow_ups": message.follow_ups,
        "actions": [action_dict(action) for action in message.actions.all()],
        "title": title,
    }


def final_frame(turn: Turn) -> Frame:
    """Return the end of a finished turn for a reader who missed its frames."""
    members = finished_members(turn.answer, turn.conversation.title)
    return {"type": "turn.finished", "seq": last_seq(turn.number), **members}
