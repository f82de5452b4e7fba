"""Write: draft, rewrite and summarize, over the same gateway as everything else.

A long document is read in parts: each part's summary names the passages that carry it, and the text
is written from those, so that its citations lead to real passages. How much was read is told.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4, uuid5

from django.utils import timezone
from django.utils.translation import gettext

from assistant.errors import (
    INSTRUCTION_CHARACTERS,
    TEXT_CHARACTERS,
    WRITE_DOCUMENTS,
    DocumentNotReady,
    InstructionsTooLong,
    NothingToWrite,
    TextTooLong,
    TooManyDocuments,
)
from assistant.reading import PART_CHARACTERS, reading_of
from assistant.services import thorough_checked
from assistant.shapes import citation_dict, withheld_dict
from assistant.texts import text_changed_at, text_keep
from assistant.texts import text_of as kept_text
from assistant.writeprompts import SYSTEMS, Kind, write_content
from bedrock.errors import ModelStreamInterrupted
from bedrock.gateway import (
    Finished,
    ModelAnswer,
    ModelRequest,
    TextBlocked,
    TextDelta,
    as_masked,
    converse,
    converse_stream,
    mask,
    refused,
)
from bedrock.prompting import feature_require
from bedrock.selectors import capabilities
from billing.settlement import settlements_ride
from documents.access import documents_visible
from documents.ask import usage_of
from documents.citations import Citation, cite, renumbered
from documents.marks import marks
from documents.models import Document, Status
from documents.rendering import answer_html
from documents.withheld import passages_refused, withheld_told
from search.retrieval import Passage, RetrievalScope, retrieve
from tenants.context import Actor
from tenants.errors import NotFound, TenantryError
from tenants.foreseen import error_members, foreseen
from tenants.liveframes import LiveFrames
from tenants.naming import many_lines

FEATURE: Final = "write"
PASSAGES: Final = 8  # found for a draft
DRAFT_TOKENS: Final = 1_500
SUMMARY_TOKENS: Final = 900
PART_TOKENS: Final = 500
LETTERS_PER_TOKEN: Final = 3  # of a rewritten text, so that it is not cut


@dataclass(frozen=True, slots=True)
class WriteTask:
    """A task that was found possible."""

    kind: Kind
    instructions: str
    text: str
    documents: tuple[Document, ...]
    thorough: bool = False
    text_id: UUID | None = None  # the kept text that gets another version
    new_id: UUID | None = None  # of the new text, which may have been begun already


def task_checked(
    *,
    actor: Actor,
    kind: Kind,
    instructions: str,
    text: str,
    document_ids: Sequence[UUID],
    thorough: bool = False,
    text_id: UUID | None = None,
    once: str = "",
) -> WriteTask:
    """Return the task. Raises what is wrong with it; nothing is ever cut.

    A draft needs instructions, a rewrite a text, a summary a text or documents. `once` names a new
    text among the actor's: what is sent again with it makes no second one.
    """
    feature_require(FEATURE)
    instructions, text = many_lines(instructions), many_lines(text)
    if len(instructions) > INSTRUCTION_CHARACTERS:
        raise InstructionsTooLong(limit=INSTRUCTION_CHARACTERS)
    if len(text) > TEXT_CHARACTERS:
        raise TextTooLong(limit=TEXT_CHARACTERS)
    wanted = list(dict.fromkeys(document_ids))
    if len(wanted) > WRITE_DOCUMENTS:
        raise TooManyDocuments(limit=WRITE_DOCUMENTS)
    if kind == "draft" and not instructions:
        raise NothingToWrite(gettext("Say what to draft."))
    if kind == "rewrite" and not text:
        raise NothingToWrite(gettext("Give the text to rewrite."))
    if kind == "summarize" and bool(text) == bool(wanted):
        raise NothingToWrite(gettext("Give either a text or documents to summarize."))
    thorough = thorough_checked(thorough, FEATURE)
    if text_id is not None:
        kept_text(actor, text_id)
    new_id = uuid5(actor.user_id, once) if once and actor.user_id and text_id is None else None
    documents = _documents(actor, wanted)
    return WriteTask(kind, instructions, text, documents, thorough, text_id, new_id)


def _documents(actor: Actor, wanted: list[UUID]) -> tuple[Document, ...]:
    if not wanted:
        return ()
    found = documents_visible(actor).in_bulk(wanted)
    if len(found) != len(wanted):
        raise NotFound(gettext("There is no such document in this workspace."))
    for document in found.values():
        if document.status != Status.READY:
            raise DocumentNotReady(
                gettext("“%(name)s” has not been read yet.") % {"name": document.name}
            )
    return tuple(found[document_id] for document_id in wanted)


@dataclass(slots=True)
class Writing:
    """One text being written; its frames are heard by whoever asked for it."""

    actor: Actor
    task: WriteTask
    frames: LiveFrames = field(default_factory=LiveFrames)
    cancelled: threading.Event = field(default_factory=threading.Event)
    request_id: UUID = field(default_factory=uuid4)
    begun_at: datetime = field(default_factory=timezone.now)
    shown: bool = False
    error: TenantryError | None = None
    _read: list[dict[str, Any]] = field(default_factory=list)
    _withheld: list[Passage] = field(default_factory=list)
    _refused: ModelAnswer | None = None
    _ended: tuple[str, list[Citation]] = ("", [])  # what is shown of the end

    def run(self) -> None:
        """Write and tell every end in a frame; for a thread of its own, inside the tenant."""
        try:
            result = self.write()
            self.frames.send("finished", html=str(answer_html(*self._ended)), **result)
        except Exception as error:  # the reader must hear of it, whatever it is
            self.error = foreseen(error)
            self.frames.send("error", request_id=str(self.request_id), **error_members(self.error))
        finally:
            self.frames.finish()

    def write(self) -> dict[str, Any]:
        """Write, and return the text as REST has it, broken off or not.

        The last call is settled by the statement that reads what the request used. Raises what the
        gateway refuses.
        """
        with settlements_ride():
            return self._written()

    def _written(self) -> dict[str, Any]:
        passages = self._prepared()
        broken: ModelStreamInterrupted | None = None
        citations: list[Citation] = []
        try:
            reply = self._replied(passages)
            text, blocked, stop_reason = reply.text, reply.blocked, reply.stop_reason
            action = reply.guardrail.get("action", "none")
        except ModelStreamInterrupted as error:  # what had arrived is the user's, and marked
            broken, text, blocked = error, error.partial_text, False
            stop_reason, action = "interrupted", "none"
        if blocked:
            self._withdraw()
            if self._withheld and not passages:
                text = withheld_told(self._withheld)
        elif passages and not blocked:
            citations, _ = cite(text, passages)
            text, citations = renumbered(text, citations)
        told = [citation_dict(citation) for citation in citations]
        result = {
            "text": text,
            "citations": told,
            "read": self._read,
            "withheld": [withheld_dict(passage) for passage in self._withheld],
            "guardrail": {"action": action},
            "usage": {},
            "stop_reason": stop_reason,
            "error": error_members(broken) if broken else None,
            "request_id": str(self.request_id),
            "text_id": None,
            "version": None,
        }
        if text and not blocked:
            result |= self._kept(text, told)
        result["usage"] = result["usage"] or usage_of(self.request_id)
        self._ended = text, citations
        return result

    def _replied(self, passages: list[Passage]) -> ModelAnswer:
        """Return the text; of `passages` those stay that the content rules do not refuse.

        Where they refuse all, nothing is written: a text without its documents is another text.
        """
        if self._refused is not None:
            return self._refused
        if self._withheld and not passages:
            return refused(self.request_id, TextBlocked(withheld_told(self._withheld)))
        reply = self._streamed(passages)
        left = self._left(passages, reply)
        if reply.refused != "input" or len(left) == len(passages):
            return reply
        passages[:] = left
        if left:
            self._withdraw()
            reply = self._streamed(left)
        return reply

    def _left(self, passages: list[Passage], reply: ModelAnswer) -> list[Passage]:
        """Return the passages that are not why a reply was refused, and keep the others to tell."""
        if reply.refused is None or self.cancelled.is_set():
            return passages
        found = passages_refused(
            passages,
            side=reply.refused,
            actor=self.actor,
            feature=FEATURE,
            request_id=self.request_id,
        )
        self._withheld += found
        return [passage for passage in passages if passage not in found]

    def _withdraw(self) -> None:
        if self.shown:
            self.shown = False
            self.frames.send("withdrawn", reason="guardrail")

    def _kept(self, text: str, citations: list[dict[str, Any]]) -> dict[str, Any]:
        """Keep the text as a version, and return which; nowhere if its text was deleted since.

        Nor what was left off by a reader who has asked for the same text again: that is kept.
        """
        task = self.task
        text_id = task.text_id or task.new_id
        changed_at = text_id and text_changed_at(text_id)
        if changed_at and changed_at > self.begun_at and self.cancelled.is_set():
            return {}
        try:
            version, used = text_keep(
                actor=self.actor,
                task=task.kind,
                text_id=text_id if changed_at else task.text_id,
                new_id=task.new_id,
                given=task.text if task.kind == "rewrite" else "",
                content=text,
                citations=citations,
                request_id=self.request_id,
            )
        except NotFound:
            return {}
        return {"text_id": str(version.text_id), "version": version.number, "usage": used}

    def _prepared(self) -> list[Passage]:
        """Mask what was asked, where the workspace masks, and return what the text rests on."""
        try:
            instructions, text = mask(
                [self.task.instructions, self.task.text],
                actor=self.actor,
                feature=FEATURE,
                request_id=self.request_id,
            )
        except TextBlocked as blocked:
            self._refused = refused(self.request_id, blocked)
            return []
        self.task = replace(self.task, instructions=instructions, text=text)
        return self._passages()

    def _passages(self) -> list[Passage]:
        """Return what the text rests on."""
        documents = self.task.documents
        if not documents:
            return []
        if self.task.kind != "summarize":
            return self._found(documents)
        reading = reading_of(self.actor, documents)
        self._read = reading.read
        if len(reading.parts) <= 1:
            return [passage for part in reading.parts for passage in part]
        carrying: list[list[Passage]] = []
        for number, part in enumerate(reading.parts, start=1):
            if self.cancelled.is_set():
                break
            self._tell_reading(number, len(reading.parts))
            carrying.append(self._carrying(part))
        self.frames.send("tool", name="read_documents", status="done", parts=len(reading.parts))
        return _within(carrying, PART_CHARACTERS)

    def _found(self, documents: Sequence[Document]) -> list[Passage]:
        self.frames.send("tool", name="search_documents", status="running")
        passages = retrieve(
            actor=self.actor,
            scope=RetrievalScope(document_ids=frozenset(document.id for document in documents)),
            query=as_masked(
                f"{self.task.instructions}\n{self.task.text}"[:1_000],
                self.task.instructions,
                self.task.text,
            ),
            limit=PASSAGES,
            request_id=self.request_id,
        )
        self.frames.send("tool", name="search_documents", status="done", found=len(passages))
        return passages

    def _tell_reading(self, part: int, parts: int) -> None:
        self.frames.send("tool", name="read_documents", status="running", part=part, parts=parts)

    def _carrying(self, part: list[Passage]) -> list[Passage]:
        """Return the passages of a part that its own summary rests on."""
        reply = converse(self._request(part, PART_TOKENS, part=True))
        if reply.blocked:
            left = self._left(part, reply)
            if not left or len(left) == len(part):
                return []
            part = left
            reply = converse(self._request(part, PART_TOKENS, part=True))
        if reply.blocked:
            return []
        named = [int(mark[1]) for mark in marks(reply.text)]
        kept = sorted({number for number in named if 1 <= number <= len(part)})
        return [part[number - 1] for number in kept] or part[:1]

    def _request(
        self, passages: list[Passage], max_tokens: int, *, part: bool = False
    ) -> ModelRequest:
        task = self.task
        return ModelRequest(
            feature=FEATURE,
            actor=self.actor,
            request_id=self.request_id,
            system=SYSTEMS[task.kind],
            messages=[
                {
                    "role": "user",
                    "content": write_content(task.kind, task.instructions, task.text, passages),
                }
            ],
            max_tokens=max_tokens,
            thorough=task.thorough and not part,
        )

    def _streamed(self, passages: list[Passage]) -> ModelAnswer:
        finished: Finished | None = None
        request = self._request(passages, self._most_tokens())
        for event in converse_stream(request, cancelled=self.cancelled.is_set):
            if isinstance(event, TextDelta):
                self.shown = True
                self.frames.send("delta", text=event.text)
            elif isinstance(event, Finished):
                finished = event
        assert finished is not None  # a stream that did not raise has its end
        return finished.answer

    def _most_tokens(self) -> int:
        match self.task.kind:
            case "draft":
                return DRAFT_TOKENS
            case "summarize":
                return SUMMARY_TOKENS
        wanted = len(self.task.text) // LETTERS_PER_TOKEN + 300
        return min(wanted, capabilities().max_output)


def _within(groups: list[list[Passage]], room: int) -> list[Passage]:
    """Return passages of every group, in reading order, the first of each before the second."""
    turns = max((len(group) for group in groups), default=0)
    kept: list[Passage] = []
    for turn in range(turns):
        for group in groups:
            if turn < len(group) and len(group[turn].text) <= room:
                room -= len(group[turn].text)
                kept.append(group[turn])
    return sorted(kept, key=lambda passage: passage.rank)
