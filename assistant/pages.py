"""What the pages show, beside rows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, islice
from typing import Any, Final
from uuid import UUID

from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from assistant.actions import LIFETIME
from assistant.attaching import attachment_dict, attachments_unsent
from assistant.errors import MOST_ATTACHED
from assistant.helping import help_texts
from assistant.models import Action, Conversation, Message, MessageRole, MessageStatus
from assistant.shapes import action_dict, citations_of, conflicts_stored
from assistant.stretches import View
from bedrock.gateway import masks
from bedrock.selectors import decisions_of
from bedrock.why import explained
from documents.attaching import documents_attached
from documents.citations import Citation
from documents.conflicts import Conflict
from documents.pages import ATTACHED_SUFFIXES, beside, suggestions
from documents.parsing import MAX_FILE_BYTES
from documents.parsing.model import PICTURES
from documents.rendering import answer_html, viewer_address
from documents.selectors import documents_ready
from documents.versions import Standing, standings
from tenants.accounts.models import role_reaches
from tenants.context import Actor
from tenants.wording import month

SUGGESTED_FROM: Final = 3  # documents
GROUNDED: Final = {
    "full": ("success", gettext_lazy("Backed by your documents")),
    "partly": ("warning", gettext_lazy("Partly backed by your documents")),
    "none": ("", gettext_lazy("Not backed by your documents")),
}
OF_HELP: Final = gettext_lazy("Backed by the help pages")
NOTES: Final = {
    MessageStatus.STOPPED: gettext_lazy("Stopped. What had arrived is kept."),
    MessageStatus.WITHDRAWN: gettext_lazy(
        "The workspace's guardrail did not let this answer through."
    ),
}
CUT: Final = gettext_lazy("This answer reached the longest length there is. Ask to go on.")


STEP_ICONS: Final = {"running": "spinner", "done": "check", "failed": "warning", "waiting": "clock"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as its template shows it."""

    message: Message
    html: SafeString | str = ""
    sources: tuple[dict[str, Any], ...] = ()
    grounded: dict[str, str] | None = None
    note: str = ""
    versions: Sequence[UUID] = ()
    steps: tuple[dict[str, Any], ...] = ()
    actions: tuple[dict[str, Any], ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    closed: int = 0  # sources that the reader may not open
    files: tuple[dict[str, Any], ...] = ()  # that came with a question

    @property
    def is_answer(self) -> bool:
        return self.message.role == MessageRole.ASSISTANT

    @property
    def number(self) -> int:
        """Which of its versions it is, from 1."""
        return list(self.versions).index(self.message.id) + 1 if self.versions else 1

    @property
    def before(self) -> UUID | None:
        return self.versions[self.number - 2] if self.number > 1 else None

    @property
    def after(self) -> UUID | None:
        return self.versions[self.number] if self.number < len(self.versions) else None

    @property
    def removed(self) -> int:
        return sum(source.get("standing") == "removed" for source in self.sources)

    @property
    def replaced(self) -> int:
        return sum(source.get("standing") == "replaced" for source in self.sources)

    @property
    def badge(self) -> str:
        """The kind of the badge that says whether it is borne out: no good one of stale sources."""
        kind = (self.grounded or {}).get("kind", "")
        return "warning" if kind == "success" and (self.removed or self.replaced) else kind

    @property
    def beside(self) -> list[list[tuple[Citation, str]]]:
        """The sources that differ, both sides of each."""
        return beside(self.conflicts)

    @property
    def tokens(self) -> int:
        usage = self.message.usage
        return int(usage.get("input_tokens", 0)) + int(usage.get("output_tokens", 0))


def _is_shown(file: dict[str, Any]) -> bool:
    """Return whether a file is a picture that people may look at: where it is masked, it is not."""
    return str(file["media_type"]) in PICTURES and not masks()


def shown(message: Message, versions: Sequence[UUID] = ()) -> Shown:
    """Return the message for its template."""
    if message.role == MessageRole.USER:
        files = tuple(
            {**each, "state": "attached", "picture": _is_shown(each)} for each in message.attached
        )
        return Shown(message, versions=versions, files=files)
    citations, status = citations_of(message), MessageStatus(message.status)
    kind, label = GROUNDED.get(message.grounded, ("", ""))
    if message.grounded == "full" and citations and all(each.url for each in citations):
        label = OF_HELP
    return Shown(
        message=message,
        html=answer_html(message.text, citations),
        sources=tuple(
            {"citation": citation, "address": viewer_address(citation)} for citation in citations
        ),
        grounded={"kind": kind, "label": str(label)} if label else None,
        note=str(CUT if message.stop_reason == "max_tokens" else NOTES.get(status, "")),
        versions=versions,
        steps=tuple({**step, "icon": STEP_ICONS[step["status"]]} for step in message.steps),
        actions=tuple(map(_action, message.actions.all())),
        conflicts=tuple(conflicts_stored(message)),
    )


ACTION_NOTES: Final = {
    "waiting": format_lazy(
        gettext_lazy("Nothing is changed until you confirm, within {minutes} minutes."),
        minutes=LIFETIME.seconds // 60,
    ),
    "approved": gettext_lazy("Confirmed."),
    "done": gettext_lazy("Confirmed and done."),
    "failed": gettext_lazy("Confirmed, but it could not be done."),
    "declined": gettext_lazy("Declined; nothing was changed."),
    "expired": gettext_lazy("Expired; nothing was changed. Ask again if you still want it."),
}


def _action(action: Action) -> dict[str, Any]:
    shape = action_dict(action)
    return {**shape, "note": ACTION_NOTES[shape["state"]]}


def blank(role: MessageRole) -> Shown:
    """Return an empty message, from which the page's script makes those that come later."""
    return Shown(Message(role=role, status=MessageStatus.STREAMING))


def grouped(conversations: list[Conversation]) -> list[tuple[str, list[Conversation]]]:
    """Return conversations by age, under headings a person uses."""
    now = timezone.now()
    groups = groupby(conversations, key=lambda each: _heading(each, now))
    return [(heading, list(group)) for heading, group in groups]


def _heading(conversation: Conversation, now: datetime) -> str:
    return _("Pinned") if conversation.pinned_at else _age(conversation.updated_at, now)


def _age(moment: datetime, now: datetime) -> str:
    days = (now.date() - moment.date()).days
    if days <= 0:
        return _("Today")
    if days == 1:
        return _("Yesterday")
    if now - moment < timedelta(days=7):
        return _("Last 7 days")
    if now - moment < timedelta(days=30):
        return _("Last 30 days")
    return month(moment)


def marked(actor: Actor, thread: Sequence[Shown]) -> list[Shown]:
    """Return a thread whose sources say how they stand: replaced and removed ones; one query.

    Sources differ only as long as both are current.
    """
    given = [str(s["citation"].document_id) for item in thread for s in item.sources]
    given += [str(c.other.document_id) for item in thread for c in item.conflicts]
    given += [each["id"] for item in thread for each in item.files]
    holder = next((item.message.conversation_id for item in thread), None)
    standing = _standing(actor, given, holder)
    return [
        replace(
            item,
            files=tuple({**each, "state": standing.file(each["id"])} for each in item.files),
            sources=tuple(
                {**s, "standing": standing[str(s["citation"].document_id)]} for s in item.sources
            ),
            conflicts=tuple(
                c
                for c in item.conflicts
                if all(standing[str(s.document_id)] == "current" for s in (c.cited, c.other))
            ),
        )
        for item in thread
    ]


def stretches_shown(
    actor: Actor,
    view: View,
    *,
    until: UUID | None = None,
    down: bool = False,
    reading: Callable[[Actor, Sequence[Shown]], list[Shown]] = marked,
) -> list[dict[str, Any]]:
    """Return stretches as their template shows them: each one's `thread` and the gaps about it.

    A gap names the messages about it: `above`, None before the first stretch, and `below`. `until`
    is the message on the other side of a gap that these fill, and `down` that they fill it from
    above. `reading` is what the actor sees of the messages: `marked` as their owner, or `readable`.
    """
    messages = [message for stretch in view.stretches for message in stretch.messages]
    thread = iter(
        reading(actor, [shown(each, view.versions.get(each.id, ())) for each in messages])
    )
    made, above = [], None if down else until
    for stretch in view.stretches:
        items = list(islice(thread, len(stretch.messages)))
        first, last = items[0].message.id, items[-1].message.id
        made.append(
            {
                "thread": items,
                "before": stretch.more and not down and {"above": above, "below": first},
                "behind": stretch.more and down and {"above": last, "below": until},
            }
        )
        above = last
    return made


def readable(actor: Actor, thread: Sequence[Shown]) -> list[Shown]:
    """Return a thread with the sources alone that its reader may open; one query."""
    found = []
    for item in marked(actor, thread):
        sources = tuple(s for s in item.sources if s["standing"] != "removed")
        closed = len(item.sources) - len(sources)
        html = answer_html(item.message.text, [s["citation"] for s in sources])
        found.append(replace(item, html=html, sources=sources, closed=closed) if closed else item)
    return found


def citations_readable(
    actor: Actor, shapes: list[dict[str, Any]], holder: UUID | None = None
) -> list[dict[str, Any]]:
    """Take out of messages, as REST has them, the citations that their reader may not open."""
    for shape in citations_marked(actor, shapes, holder):
        if "citations" in shape:
            shape["citations"] = [c for c in shape["citations"] if c["standing"] != "removed"]
    return shapes


def citations_marked(
    actor: Actor, shapes: list[dict[str, Any]], holder: UUID | None = None
) -> list[dict[str, Any]]:
    """Say in messages, as REST has them, how each citation stands now; one query.

    Sources differ only as long as both are current. `holder` is the conversation that they are of,
    which the actor reads: its files are read too.
    """
    given = [each["document_id"] for shape in shapes for each in shape.get("citations", ())]
    given += [
        side["document_id"]
        for shape in shapes
        for conflict in shape.get("conflicts", ())
        for side in conflict.values()
    ]
    standing = _standing(actor, given, holder)
    for shape in shapes:
        if "citations" in shape:
            shape["citations"] = [
                {**c, "standing": standing[c["document_id"]]} for c in shape["citations"]
            ]
        if "conflicts" in shape:
            shape["conflicts"] = [
                conflict
                for conflict in shape["conflicts"]
                if all(standing[side["document_id"]] == "current" for side in conflict.values())
            ]
    return shapes


@dataclass(frozen=True, slots=True)
class _Standings:
    """How documents stand for a reader; `attached` are the conversation's own, which it reads."""

    documents: dict[str, Standing]
    attached: frozenset[str] = frozenset()

    def __getitem__(self, document_id: str) -> Standing:
        return "current" if document_id in self.attached else self.documents[document_id]

    def file(self, document_id: str) -> str:
        """Return `attached`, `kept` for one that became the workspace's, or `removed`."""
        if document_id in self.attached:
            return "attached"
        return "removed" if self.documents[document_id] == "removed" else "kept"


def _standing(actor: Actor, document_ids: Iterable[str], holder: UUID | None) -> _Standings:
    """Return how each source stands for the actor; help pages are always current.

    One query, one more where the conversation may have files of its own.
    """
    ids, of_help = set(document_ids), {str(each) for each in help_texts()}
    found = standings(actor, [UUID(each) for each in ids - of_help])
    attached: frozenset[str] = frozenset()
    if holder is not None and "removed" in found.values():
        own = documents_attached(holder).filter(id__in=found).values_list("id", flat=True)
        attached = frozenset(map(str, own))
    return _Standings({each: found.get(UUID(each), "current") for each in ids}, attached)


def files_of(actor: Actor, conversation_id: UUID | None = None) -> dict[str, Any] | None:
    """Return what the composer tells of files, and those that wait for the next message.

    None for viewers: they attach none, since a file is an upload.
    """
    if not role_reaches(actor.role, "member"):
        return None
    unsent = attachments_unsent(conversation_id) if conversation_id else []
    return {
        "conversation": conversation_id,
        "most": MOST_ATTACHED,
        "bytes": MAX_FILE_BYTES,
        "suffixes": ATTACHED_SUFFIXES,
        "unsent": [attachment_dict(each) for each in unsent],
    }


def starters(actor: Actor) -> list[str]:
    """Return questions to begin with, made of the workspace's own documents."""
    return suggestions(documents_ready(actor, limit=SUGGESTED_FROM), [])


def why(message: Message) -> dict[str, Any]:
    """Return how an answer was made and what it cost, as recorded when it was."""
    assert message.request_id is not None  # every answer has one
    return explained(message.request_id, decisions_of(message.request_id))
