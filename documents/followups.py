"""Questions that an answer leads to: by rule, from the headings beside what it cites."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from documents.citations import Citation
from documents.questions import is_asked_of, question_about

MOST: Final = 3


def follow_ups(citations: Sequence[Citation]) -> list[str]:
    """Return questions about other sections of what is cited, those that follow first.

    They are made of the document's own headings, so there is something to answer them; no model is
    asked. A heading in which something is masked makes no question.
    """
    cited: dict[UUID, Citation] = {}
    for citation in citations:
        cited.setdefault(citation.document_id, citation)
    beside = [
        (citation.document_name, title)
        for citation in cited.values()
        for title in citation.beside
        if is_asked_of(title)
    ]
    return [question_about(name, title) for name, title in beside[:MOST]]
