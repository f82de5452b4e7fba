"""Which document a model means by a name or an id."""

from typing import Final
from uuid import UUID

from django.utils.translation import gettext as _

from assistant.tools.base import Args, ToolRefused, words_of
from documents.access import document_of, documents_current
from documents.models import Document
from documents.versions import newest_of
from tenants.context import Actor
from tenants.wording import quoted

NAMED: Final = 5  # that a refusal lists
LOOKED_AT: Final = 2_000  # newest documents that a name is looked for in


def document_meant(actor: Actor, given: str) -> Document:
    """Return the one document that is meant. Raises ToolRefused for none and for several.

    An id, the exact name, or words of the name; only documents that the actor may see.
    """
    found = _by_id(actor, given)
    if found is not None:
        return found
    visible = documents_current(actor)
    exact = list(visible.filter(name__iexact=given)[: NAMED + 1])
    fitting = exact or _by_words(list(visible[:LOOKED_AT]), given)
    if not fitting:
        raise ToolRefused(
            _("There is no document called “%(name)s” in this workspace.") % {"name": given}
        )
    if len(fitting) > 1:
        names = ", ".join(quoted(each.name) for each in fitting[:NAMED])
        raise ToolRefused(
            _("Several documents fit “%(name)s”: %(names)s. Say which one.")
            % {"name": given, "names": names}
        )
    return fitting[0]


def document_named(document: Document) -> dict[str, str]:
    """Return how a plan names a document."""
    return {"document_id": str(document.id), "document_name": document.name}


def document_unchanged(actor: Actor, args: Args) -> Document:
    """Return the planned document, if it is still called what the person read."""
    document = document_of(actor, str(args["document_id"]))
    if document.name != args["document_name"]:
        raise ToolRefused(
            _("“%(before)s” is called “%(now)s” meanwhile, so nothing was done.")
            % {"before": args["document_name"], "now": document.name}
        )
    return document


def _by_id(actor: Actor, given: str) -> Document | None:
    try:
        wanted = UUID(given)
    except ValueError:
        return None
    return newest_of(actor, wanted)


def _by_words(documents: list[Document], given: str) -> list[Document]:
    """Return those whose names hold all words given, the ones with none beside them first."""
    wanted = words_of(given)
    if not wanted:
        return []
    fitting = [each for each in documents if wanted <= words_of(each.name)]
    whole = [each for each in fitting if words_of(each.name) == wanted]
    return whole or fitting
