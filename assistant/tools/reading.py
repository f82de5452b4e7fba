"""Tools that look: search, read and list documents, usage and limits."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from assistant.helping import SECTIONS, help_search, helped_line, passage_of_help
from assistant.tools.base import Args, Calling, Outcome, Tool, ToolRefused, optional_text, text_in
from assistant.tools.finding import document_meant
from bedrock.gateway import as_masked
from billing.meters import Meter
from billing.selectors import meters, plan_name
from documents.models import Status
from documents.prompts import contained, passages_numbered
from documents.selectors import document_list
from documents.withheld import withheld_told
from search.access import sources_visible
from search.copies import stored_text
from search.models import Chunk
from search.retrieval import Passage, retrieve
from tenants.context import current
from tenants.wording import grouped

FOUND: Final = 6  # passages of one search
READ_CHARACTERS: Final = 6_000  # of a document in one call
READ_CHUNKS: Final = 12
MOST_PASSAGES: Final = 40  # that one answer may have before it; bounds what a turn reads
LISTED: Final = 50


def many(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _searched(calling: Calling, args: Args) -> Outcome:
    query = text_in(args, "query")
    named = optional_text(args, "document")
    scope = calling.scope
    if named:
        document = document_meant(calling.actor, named)
        scope = replace(scope, document_ids=frozenset({document.id}))
    found = retrieve(
        actor=calling.actor,
        scope=scope,
        query=query,
        limit=FOUND,
        request_id=calling.request_id,
    )
    told = _added(calling, found)
    documents = len({passage.document_id for passage in found})
    line = searched_line(len(found), documents)
    if not found:
        return Outcome("Nothing was found.", line, 0, 0)
    if not told:
        text = "Nothing new was found beside the passages you have."
        return Outcome(text, line, len(found), documents)
    return Outcome(passages_numbered(told), line, len(found), documents, tuple(told))


def searched_line(passages: int, documents: int) -> str:
    """Return what a person reads of a search."""
    if not passages:
        return _("Searched your documents: nothing found")
    # Two sentences' halves: each has its own plural.
    found = ngettext("%(count)s passage", "%(count)s passages", passages)
    where = ngettext("in %(count)s document", "in %(count)s documents", documents)
    return _("Searched your documents: %(passages)s %(in_documents)s") % {
        "passages": found % {"count": grouped(passages)},
        "in_documents": where % {"count": grouped(documents)},
    }


def _added(
    calling: Calling, found: Sequence[Passage], *, again: bool = False
) -> list[tuple[int, Passage]]:
    """Give the answer more passages to cite; return those it did not have, numbered on.

    `again`: those it had too, under the numbers they have. Those withheld from it stay so.
    """
    known = {passage.chunk_id: number for number, passage in enumerate(calling.passages, start=1)}
    told = []
    for passage in found:
        number = known.get(passage.chunk_id)
        if passage.chunk_id in calling.withheld:
            continue
        if number is None and len(calling.passages) < MOST_PASSAGES:
            calling.passages.append(passage)
            told.append((len(calling.passages), passage))
        elif number is not None and again:
            told.append((number, passage))
    return told


def _read(calling: Calling, args: Args) -> Outcome:
    document = document_meant(calling.actor, text_in(args, "document"))
    part = args.get("part", 1)
    if not isinstance(part, int) or isinstance(part, bool) or part < 1:
        raise ToolRefused(_("part counts from 1."))
    if document.status != Status.READY:
        raise ToolRefused(
            _("“%(name)s” has not been read yet; its state is %(state)s.")
            % {"name": document.name, "state": document.status}
        )
    chunks = Chunk.objects.filter(source__in=sources_visible(calling.actor), source_id=document.id)
    parts = _parts(list(chunks.select_related("source").order_by("ordinal")))
    if part > len(parts):
        raise ToolRefused(
            ngettext(
                "“%(name)s” has %(count)s part.", "“%(name)s” has %(count)s parts.", len(parts)
            )
            % {"name": document.name, "count": grouped(len(parts))}
        )
    passages = [passage_of(chunk, rank) for rank, chunk in enumerate(parts[part - 1], start=1)]
    if all(passage.chunk_id in calling.withheld for passage in passages):
        raise ToolRefused(withheld_told(passages))
    added = _added(calling, passages, again=True)
    if not added:
        raise ToolRefused(
            _("An answer reads at most %(most)s passages. Answer with these.")
            % {"most": MOST_PASSAGES}
        )
    line = _("Read %(name)s, part %(part)s of %(parts)s") % {
        "name": document.name,
        "part": part,
        "parts": len(parts),
    }
    text = passages_numbered(added)
    told = f"Part {part} of {len(parts)} of the document.\n{text}"
    return Outcome(as_masked(told, text), line, passages=tuple(added))


def _parts(chunks: Sequence[Chunk]) -> list[list[Chunk]]:
    parts: list[list[Chunk]] = []
    size = 0
    for chunk in chunks:
        full = (
            size + len(chunk.text) > READ_CHARACTERS or len(parts[-1]) == READ_CHUNKS
            if parts
            else True
        )
        if full:
            parts.append([])
            size = 0
        parts[-1].append(chunk)
        size += len(chunk.text)
    return parts


def passage_of(chunk: Chunk, rank: int) -> Passage:
    """Return a chunk, its source loaded with it, as what is cited."""
    source = chunk.source
    return Passage(
        chunk_id=chunk.chunk_id,
        document_id=chunk.source_id,
        document_name=stored_text(source, source.name),
        media_type=source.media_type,
        text=stored_text(source, chunk.text),
        start=chunk.start,
        end=chunk.end,
        page=chunk.page,
        heading=stored_text(source, chunk.heading),
        rank=rank,
        score=0.0,
    )


def _listed(calling: Calling, args: Args) -> Outcome:
    named = optional_text(args, "name_contains")
    found = document_list(calling.actor, query=named, sort="name")
    if calling.scope.document_ids is not None:
        found = found.filter(id__in=calling.scope.document_ids)
    total = found.count()
    lines = [f"- {contained(each.name)}{_state(each)}" for each in found[:LISTED]]
    of_them = f" whose names contain “{contained(named)}”" if named else ""
    if not total:
        said = f"There are no documents{of_them} in this workspace."
        return Outcome(said, _("Listed your documents: none"), documents=0)
    head = f"This workspace has {many(total, 'document')}{of_them}:"
    rest = [f"- and {total - LISTED:,} more"] if total > LISTED else []
    text = "\n".join([head, *lines, *rest])
    return Outcome(text, _listed_line(total), documents=total)


def _listed_line(total: int) -> str:
    line = ngettext("Listed %(count)s document", "Listed %(count)s documents", total)
    return line % {"count": grouped(total)}


def _state(document: Any) -> str:
    if document.status != Status.READY:
        return f" ({document.get_status_display().lower()})"
    return f" ({many(document.pages, 'page')})" if document.pages else ""


def _usage(calling: Calling, args: Args) -> Outcome:
    plan = plan_name(current().plan)
    lines = [f"Usage of this workspace on the {plan} plan this month:"]
    lines += [f"- {_meter(meter)}" for meter in meters()]
    return Outcome("\n".join(lines), _("Looked up usage and limits"))


def _meter(meter: Meter) -> str:
    if meter.included is None:
        return f"{meter.label}: {meter.used_text} used, no limit"
    left = max(meter.included - meter.used - meter.reserved, meter.included * 0)
    until = f", resets on {meter.resets_text}" if meter.resets_on else ""
    unit = replace(meter, used=left).used_text
    return f"{meter.label}: {unit} left of {meter.included_text} ({meter.used_text} used{until})"


def _helped(calling: Calling, args: Args) -> Outcome:
    found = help_search(text_in(args, "query"), limit=SECTIONS)
    passages = [passage_of_help(each, rank) for rank, each in enumerate(found, start=1)]
    if not passages:
        return Outcome(
            "The help says nothing about it.", _("Looked into the product's help: nothing")
        )
    told = _added(calling, passages, again=True)
    text = passages_numbered(told) if told else "No more passages can be added."
    return Outcome(text, helped_line(passages))


DOCUMENT: Final = {"type": "string", "description": "The document's name or id."}
READING: Final = (
    Tool(
        name="search_documents",
        description="Search the workspace's documents by meaning and words for more passages, or"
        " within one document. Passages already given need no second search.",
        properties={
            "query": {"type": "string", "description": "What to look for."},
            "document": {"type": "string", "description": "Only in this document."},
        },
        required=("query",),
        doing=gettext_lazy("Searching your documents"),
        read=_searched,
    ),
    Tool(
        name="read_document",
        description="Read a document in order, part by part.",
        properties={
            "document": DOCUMENT,
            "part": {"type": "integer", "minimum": 1, "description": "Which part, from 1."},
        },
        required=("document",),
        doing=gettext_lazy("Reading a document"),
        read=_read,
    ),
    Tool(
        name="list_documents",
        description="List the documents of the workspace by name, with their states and pages.",
        properties={
            "name_contains": {"type": "string", "description": "Only names with these words."},
        },
        required=(),
        doing=gettext_lazy("Listing your documents"),
        read=_listed,
    ),
    Tool(
        name="search_help",
        description="Search the help pages of this product: how people do something in it, and what"
        " its buttons, roles, plans and limits mean.",
        properties={"query": {"type": "string", "description": "What to look for."}},
        required=("query",),
        doing=gettext_lazy("Looking into the product's help"),
        read=_helped,
    ),
    Tool(
        name="get_usage",
        description="Look up usage and limits of the workspace's plan: tokens, storage and spend"
        " used and left this month.",
        properties={},
        required=(),
        doing=gettext_lazy("Looking up usage and limits"),
        read=_usage,
    ),
)
