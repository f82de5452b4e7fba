"""Tools that change something: save a draft, rename and delete documents.

Each plans first, which resolves names to ids and says in plain words what will happen; the change
is made of the plan, as the user who asked, with the role they have at that moment.
"""

import io
import re
from typing import Final
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from assistant.access import conversation_of
from assistant.keeping import conversation_share
from assistant.tools.base import (
    Args,
    Calling,
    Outcome,
    Plan,
    Tool,
    ToolRefused,
    names_it,
    speaks_of,
    text_in,
)
from assistant.tools.finding import document_meant, document_named, document_unchanged
from assistant.tools.reading import DOCUMENT
from documents.services import document_delete, document_rename, document_upload
from tenants.context import Actor
from tenants.naming import one_line
from tenants.wording import grouped

DRAFT_CHARACTERS: Final = 20_000
NAME_CHARACTERS: Final = 120
_UNFIT: Final = re.compile(r"[\\/:*?\"<>|\x00-\x1f]+")


def _plan_rename(calling: Calling, args: Args) -> Plan:
    document = document_meant(calling.actor, text_in(args, "document"))
    name = text_in(args, "new_name", limit=NAME_CHARACTERS)
    asked = speaks_of(
        calling.said, "renam", "call", "nam", "umbenenn", "benenn", "nenn"
    ) and names_it(calling.said, document.name, name)
    return Plan(
        _("Rename “%(before)s” to “%(name)s”") % {"before": document.name, "name": name},
        {**document_named(document), "name": name},
        asked,
    )


def _rename(actor: Actor, args: Args) -> Outcome:
    before = document_unchanged(actor, args)
    renamed = document_rename(actor=actor, document_id=before.id, name=str(args["name"]))
    said = _("Renamed “%(before)s” to “%(name)s”") % {"before": before.name, "name": renamed.name}
    return Outcome(f"{said}.", said)


def _plan_delete(calling: Calling, args: Args) -> Plan:
    document = document_meant(calling.actor, text_in(args, "document"))
    return Plan(
        _("Delete the document “%(name)s” for good") % {"name": document.name},
        document_named(document),
        asked=False,
    )


def _delete(actor: Actor, args: Args) -> Outcome:
    document = document_unchanged(actor, args)
    document_delete(actor=actor, document_id=document.id)
    said = _("Deleted the document “%(name)s”") % {"name": document.name}
    return Outcome(f"{said}. Nothing can be found or cited from it any more.", said)


def _plan_draft(calling: Calling, args: Args) -> Plan:
    title = one_line(_UNFIT.sub(" ", text_in(args, "title", limit=NAME_CHARACTERS)))
    text = text_in(args, "text", limit=DRAFT_CHARACTERS)
    if not title:
        raise ToolRefused(_("title is missing."))
    name = f"{title.removesuffix('.md')}.md"
    asked = speaks_of(calling.said, "save", "saving", "keep", "store", "speicher") and names_it(
        calling.said, title
    )
    return Plan(
        _("Save a draft of %(characters)s characters as “%(name)s” in Documents")
        % {"characters": grouped(len(text)), "name": name},
        {"name": name, "text": text},
        asked,
    )


def _save_draft(actor: Actor, args: Args) -> Outcome:
    text = str(args["text"])
    document = document_upload(actor=actor, file=io.BytesIO(text.encode()), name=str(args["name"]))
    said = _("Saved the draft “%(name)s” in Documents") % {"name": document.name}
    return Outcome(f"{said}. Its id is {document.id}.", said)


def _plan_share(calling: Calling, args: Args) -> Plan:
    conversation = conversation_of(calling.actor, calling.conversation_id)
    summary = _(
        "Share the conversation “%(conversation)s” with everybody in this workspace, to read"
    ) % {"conversation": conversation}
    return Plan(summary, {"conversation_id": str(conversation.id)}, asked=False)


def _share(actor: Actor, args: Args) -> Outcome:
    given = UUID(str(args["conversation_id"]))
    conversation_share(actor=actor, conversation_id=given, shared=True)
    address = reverse("conversation_shared", args=[given])
    said = _("Shared this conversation with everybody in this workspace")
    return Outcome(f"{said}. They read it at {address}.", said)


CHANGING: Final = (
    Tool(
        name="share_conversation",
        description="Let everybody in the workspace read this conversation. The person is asked to"
        " confirm it first.",
        properties={},
        required=(),
        doing=gettext_lazy("Sharing this conversation"),
        confirms=True,
        plan=_plan_share,
        change=_share,
    ),
    Tool(
        name="save_draft",
        description="Save a text that was drafted in the conversation as a document, in Markdown.",
        properties={
            "title": {"type": "string", "description": "What to call it."},
            "text": {"type": "string", "description": "The whole text, in Markdown."},
        },
        required=("title", "text"),
        doing=gettext_lazy("Saving a draft"),
        role="member",
        plan=_plan_draft,
        change=_save_draft,
    ),
    Tool(
        name="rename_document",
        description="Give a document another name.",
        properties={
            "document": DOCUMENT,
            "new_name": {"type": "string", "description": "What it is to be called."},
        },
        required=("document", "new_name"),
        doing=gettext_lazy("Renaming a document"),
        role="member",
        plan=_plan_rename,
        change=_rename,
    ),
    Tool(
        name="delete_document",
        description="Delete a document for good. The person is asked to confirm it first.",
        properties={"document": DOCUMENT},
        required=("document",),
        doing=gettext_lazy("Deleting a document"),
        role="member",
        confirms=True,
        plan=_plan_delete,
        change=_delete,
    ),
)
