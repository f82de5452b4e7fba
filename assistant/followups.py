"""Questions that an answer leads to: by rule, from the headings beside what it cites."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.utils.translation import gettext

from documents.citations import Citation

MOST: Final = 3
HEADING_CHARACTERS: Final = 60
NAME_CHARACTERS: Final = 80


def follow_ups(citations: Sequence[Citation]) -> list[str]:
    """Return questions about other sections of what is cited, those that follow first.

    They are made of the document's own headings, so there is something to answer them; no model is
    asked. A heading in which something is masked makes no question.
    """
    cited: dict[UUID, Citation] = {}
    for citation in citations:
        cited.setdefault(citation.document_id, citation)
    beside = [
        (citation.document_name[:NAME_CHARACTERS], title)
        for citation in cited.values()
        for title in citation.beside
        if len(title) <= HEADING_CHARACTERS
    ]
    return [
        gettext("What does “%(name)s” say about “%(title)s”?") % {"name": name, "title": title}
        for name, title in beside[:MOST]
    ]
