"""Questions that an answer leads to: by rule, from the headings beside what it cites."""

from collections.abc import Sequence
from typing import Final

from django.utils.translation import gettext

from documents.citations import Citation
from documents.models import DocumentText
from documents.renditions import rendition

MOST: Final = 3
HEADING_CHARACTERS: Final = 60
NAME_CHARACTERS: Final = 80


def follow_ups(citations: Sequence[Citation]) -> list[str]:
    """Return questions about other sections of what is cited, those that follow first; one query.

    They are made of the document's own headings, so there is something to answer them; no model is
    asked. A heading in which something is masked makes no question.
    """
    cited = {citation.document_id: citation for citation in reversed(citations) if not citation.url}
    contents = DocumentText.objects.filter(document_id__in=list(cited)).defer("text")
    found: list[str] = []
    for content in contents:
        citation = cited[content.document_id]
        headings = content.headings if content.masked is None else rendition(content).headings
        starts = [start for _, _, start in headings]
        here = sum(start <= citation.start for start in starts) - 1
        near = [*range(here + 1, len(starts)), *range(here - 1, -1, -1)]
        name = citation.document_name[:NAME_CHARACTERS]
        for at in near:
            level, title, _ = headings[at]
            if level > 1 and len(title) <= HEADING_CHARACTERS and "{" not in title:
                found.append(
                    gettext("What does “%(name)s” say about “%(title)s”?")
                    % {"name": name, "title": title}
                )
    return found[:MOST]
