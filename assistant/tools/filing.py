"""Tools that put documents in order: move them into collections, tag them.

A move that would show a document to more people is never made without asking.
"""

from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from assistant.tools.base import (
    Args,
    Calling,
    Outcome,
    Plan,
    Tool,
    ToolRefused,
    names_it,
    optional_text,
    speaks_of,
    text_in,
    words_of,
)
from assistant.tools.finding import document_meant, document_named, document_unchanged
from assistant.tools.reading import DOCUMENT
from documents.models import Document
from documents.services import documents_move, documents_tag
from search.access import collection_to_add, collections_visible
from search.models import Collection, Filing
from search.tagging import tags_checked
from tenants.context import Actor
from tenants.wording import quoted

NAMED: Final = 5  # collections that a refusal lists


def _collection_meant(actor: Actor, given: str) -> Collection:
    """Return the one collection that is meant. Raises ToolRefused for none and for several."""
    visible = collections_visible(actor)
    fitting = list(visible.filter(name__iexact=given)[: NAMED + 1])
    if not fitting:
        wanted = words_of(given)
        fitting = [each for each in visible if wanted and wanted <= words_of(each.name)]
    if not fitting:
        raise ToolRefused(
            _("There is no collection called “%(name)s” in this workspace.") % {"name": given}
        )
    if len(fitting) > 1:
        names = ", ".join(quoted(each.name) for each in fitting[:NAMED])
        raise ToolRefused(
            _("Several collections fit “%(name)s”: %(names)s. Say which one.")
            % {"name": given, "names": names}
        )
    return fitting[0]


def _shown_to_more(document: Document, collection: Collection | None) -> bool:
    """Whether a closed collection keeps the document now, and it would leave that one."""
    kept = Filing.objects.filter(document_id=document.id, collection__open=False)
    if collection is not None:
        kept = kept.exclude(collection_id=collection.id)
    return kept.exists()


def _plan_move(calling: Calling, args: Args) -> Plan:
    document = document_meant(calling.actor, text_in(args, "document"))
    given = optional_text(args, "collection")
    collection = _collection_meant(calling.actor, given) if given else None
    if collection is not None:
        collection_to_add(calling.actor, collection.id)
        said = (
            _("Move “%(name)s” into the collection “%(collection)s”")
            if collection.open
            else _(
                "Move “%(name)s” into the collection “%(collection)s”, which its members alone read"
            )
        )
    else:
        said = _("Move “%(name)s” out of all collections, so that everybody in this workspace"
                 " reads it")  # fmt: skip
    summary = said % {"name": document.name, "collection": collection.name if collection else ""}
    asked = (
        collection is not None
        and speaks_of(calling.said, "mov", "put", "file", "filing", "verschieb", "schieb")
        and names_it(calling.said, document.name, collection.name)
        and not _shown_to_more(document, collection)
    )
    arguments: dict[str, Any] = {
        **document_named(document),
        "collection_id": str(collection.id) if collection else "",
        "collection_name": collection.name if collection else "",
        "collection_open": collection.open if collection else True,
    }
    return Plan(summary, arguments, asked)


def _move(actor: Actor, args: Args) -> Outcome:
    document = document_unchanged(actor, args)
    wanted: list[UUID] = []
    if args["collection_id"]:
        collection = collection_to_add(actor, str(args["collection_id"]))
        if (collection.name, collection.open) != (args["collection_name"], args["collection_open"]):
            raise ToolRefused(
                _("“%(name)s” has changed meanwhile, so nothing was done.")
                % {"name": args["collection_name"]}
            )
        wanted = [collection.id]
    documents_move(actor=actor, document_ids=[document.id], collection_ids=wanted)
    moved = (
        _("Moved “%(name)s” into “%(collection)s”")
        if wanted
        else _("Moved “%(name)s” out of all collections, so that everybody in this workspace"
               " reads it")
    )  # fmt: skip
    said = moved % {"name": document.name, "collection": args["collection_name"]}
    return Outcome(f"{said}.", said)


def _plan_tag(calling: Calling, args: Args) -> Plan:
    document = document_meant(calling.actor, text_in(args, "document"))
    tags = tags_checked(each for each in text_in(args, "tags").split(",") if each.strip())
    if not tags:
        raise ToolRefused(_("tags is missing."))
    off = args.get("take_off") is True
    listed = ", ".join(map(quoted, tags))
    told = _("Take %(tags)s off “%(name)s”") if off else _("Put %(tags)s on “%(name)s”")
    summary = told % {"tags": listed, "name": document.name}
    asked = speaks_of(
        calling.said, "tag", "label", "untag", "schlagwort", "verschlagwort"
    ) and names_it(calling.said, document.name, *tags)
    return Plan(summary, {**document_named(document), "tags": tags, "take_off": off}, asked)


def _tag(actor: Actor, args: Args) -> Outcome:
    document = document_unchanged(actor, args)
    tags, off = [str(tag) for tag in args["tags"]], bool(args["take_off"])
    documents_tag(actor=actor, document_ids=[document.id], tags=tags, way="untag" if off else "tag")
    listed = ", ".join(map(quoted, tags))
    told = (
        _("Took %(tags)s off “%(name)s”") if off else pgettext("done", "Put %(tags)s on “%(name)s”")
    )
    said = told % {"tags": listed, "name": document.name}
    return Outcome(f"{said}.", said)


FILING: Final = (
    Tool(
        name="move_document",
        description="Move a document into a collection, or out of all collections where none is"
        " named. Collections say who may read a document.",
        properties={
            "document": DOCUMENT,
            "collection": {"type": "string", "description": "The collection's name; leave it out"
                           " to take the document out of all collections."},
        },
        required=("document",),
        doing=gettext_lazy("Moving a document"),
        role="member",
        plan=_plan_move,
        change=_move,
    ),
    Tool(
        name="tag_document",
        description="Put tags on a document, or take them off.",
        properties={
            "document": DOCUMENT,
            "tags": {"type": "string", "description": "The tags, with commas between."},
            "take_off": {"type": "boolean", "description": "Take them off instead."},
        },
        required=("document", "tags"),
        doing=gettext_lazy("Tagging a document"),
        role="member",
        plan=_plan_tag,
        change=_tag,
    ),
)  # fmt: skip
