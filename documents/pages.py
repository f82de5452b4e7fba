"""What the pages show, worked out from their addresses: the view's half of templates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext, gettext_lazy

from bedrock.embedding_rule import bulk_documents
from billing.catalog import plan_terms
from billing.storage import stored_bytes
from billing.units import Metric
from documents import viewer
from documents.ask import Answer
from documents.citations import Citation
from documents.conflicts import Conflict
from documents.models import Document, DocumentText
from documents.parsing import MAX_FILE_BYTES
from documents.parsing.ocr import ocr_installed
from documents.questions import is_asked_of, question_about, question_of
from documents.rendering import answer_html, viewer_address
from documents.renditions import Rendition, rendition
from documents.selectors import SORTS, chunk_span, document_list, documents_ready, sorting
from documents.uploading import DIRECT_BYTES, direct_from
from search.tagging import TAG_CHARACTERS
from tenants.context import Actor, current
from tenants.keyset import Page, page_of, position_of

PAGE_ROWS: Final = 50
CHOICES: Final = 200  # documents that a form offers at once
QUERY_CHARACTERS: Final = 200
# Stands for each row's document in the menu that they share: see static/documents/list.js.
ANY: Final = {"id": UUID(int=0), "name": "{name}"}
STATES: Final = {
    "": gettext_lazy("All"),
    "in_flight": gettext_lazy("In progress"),
    "ready": gettext_lazy("Ready"),
    "failed": gettext_lazy("Failed"),
}
COLUMNS: Final = {
    "name": gettext_lazy("Name"),
    "size": gettext_lazy("Size"),
    "created": gettext_lazy("Added"),
}
TEXT_SUFFIXES: Final = ".pdf,.docx,.pptx,.xlsx,.md,.markdown,.txt,.text,.html,.htm,.csv,.eml"
PICTURE_SUFFIXES: Final = ",.png,.jpg,.jpeg,.webp,.gif"
SUFFIXES: Final = TEXT_SUFFIXES + (PICTURE_SUFFIXES if ocr_installed() else "")
ATTACHED_SUFFIXES: Final = TEXT_SUFFIXES + PICTURE_SUFFIXES  # these are shown to models
GROUNDED: Final = {
    "full": ("success", gettext_lazy("Backed by your documents")),
    "partly": ("warning", gettext_lazy("Partly backed by your documents")),
    "none": ("", gettext_lazy("Not backed by your documents")),
}


@dataclass(frozen=True, slots=True)
class Listing:
    """What the list shows: words in names, a state, an order, a collection, a tag.

    Unknown values mean the default.
    """

    query: str
    status: str
    sort: str
    collection: UUID | None = None
    tag: str = ""

    @classmethod
    def of(cls, given: QueryDict) -> "Listing":
        status, sort = given.get("status", ""), given.get("sort", "")
        return cls(
            query=given.get("q", "").replace("\x00", "").strip()[:QUERY_CHARACTERS],
            status=status if status in STATES else "",
            sort=sort if sort in SORTS else "-created",
            collection=next(iter(ids_of([given.get("collection", "")])), None),
            tag=" ".join(given.get("tag", "").replace("\x00", "").split())[:TAG_CHARACTERS],
        )

    def documents(self, actor: Actor) -> QuerySet[Document]:
        """Return all documents that it shows, in its order."""
        return document_list(
            actor,
            query=self.query,
            sort=self.sort,
            status=self.status,
            collection=self.collection,
            tag=self.tag,
        )

    def page(self, actor: Actor, cursor: str) -> tuple[Page[Document], str]:
        """Return the page at the cursor, and which rows it has of how many; two statements."""
        found = self.documents(actor)
        by, falling = sorting(self.sort)
        page = page_of(found, cursor, by=by, falling=falling, rows=PAGE_ROWS)
        first, every = position_of(found, page, by=by, falling=falling)
        summary = gettext("%(first)s–%(last)s of %(count)s") % {
            "first": first,
            "last": first + len(page.rows) - 1,
            "count": every,
        }
        return page, summary

    def address(self, **changed: Any) -> str:
        """Return the list's address with some values changed."""
        values = {
            "q": self.query,
            "status": self.status,
            "sort": self.sort,
            "collection": self.collection,
            "tag": self.tag,
        } | changed
        if values["sort"] == "-created":
            del values["sort"]
        return "?" + urlencode({name: value for name, value in values.items() if value})

    def tabs(self, counts: dict[str, int]) -> list[dict[str, Any]]:
        return [
            {
                "label": label,
                "href": self.address(status=status),
                "current": status == self.status,
                "count": counts[status or "all"],
            }
            for status, label in STATES.items()
        ]

    def columns(self) -> dict[str, dict[str, str]]:
        """Return each sortable column's link and how it is sorted now."""
        falling = self.sort.startswith("-")
        found = {}
        for key, label in COLUMNS.items():
            current = self.sort.lstrip("-") == key
            turned = key if current and falling else f"-{key}"
            if key == "name" and not current:
                turned = key
            found[key] = {
                "label": str(label),
                "href": self.address(sort=turned),
                "sorted": ("descending" if falling else "ascending") if current else "",
            }
        return found


def upload_limits() -> dict[str, Any]:
    """Return what the upload box tells before anything is sent; `left` is None without a quota.

    `bulk` is from how many files on an upload is embedded by batch; None: the plan has no batch.
    From `direct_from` bytes on a file goes straight to storage; 0: none does.
    """
    included = plan_terms(current().plan).included[Metric.STORAGE]
    direct = direct_from()
    return {
        "file_bytes": MAX_FILE_BYTES,
        "file_megabytes": MAX_FILE_BYTES // (1024 * 1024),
        "direct_from": direct,
        "direct_megabytes": direct // (1024 * 1024),
        "direct_bytes": DIRECT_BYTES,
        "most_megabytes": (DIRECT_BYTES if direct else MAX_FILE_BYTES) // (1024 * 1024),
        "left": None if included is None else max(0, int(included - stored_bytes())),
        "suffixes": SUFFIXES,
        "bulk": bulk_documents(),
    }


def ids_of(given: Sequence[str]) -> list[UUID]:
    """Return the ids among the values; what is no id is nobody's document."""
    found = []
    for value in given:
        try:
            found.append(UUID(value))
        except ValueError:
            continue
    return found


@dataclass(frozen=True, slots=True)
class Choices:
    """What a form offers of the documents that can be asked; the rest is found by name."""

    documents: list[Document]
    chosen: frozenset[UUID]
    box: str  # the name of the form's fields
    more: bool  # whether there are others

    @classmethod
    def of(
        cls, actor: Actor, given: QueryDict, *, box: str, collections: Sequence[UUID] = ()
    ) -> "Choices":
        """Return those of an address or form: `document` or `box` are chosen, `find` narrows."""
        chosen = ids_of([*given.getlist("document"), *given.getlist("document_ids")])
        found = documents_ready(
            actor,
            limit=CHOICES + 1,
            chosen=chosen[:CHOICES],
            find=given.get("find", "").replace("\x00", "")[:QUERY_CHARACTERS],
            collections=collections,
        )
        return cls(found[:CHOICES], frozenset(chosen), box, len(found) > CHOICES)


def tags_given(text: str) -> list[str]:
    """Return the tags of a form's field, which has commas between them."""
    return [tag for tag in text.split(",") if tag.strip()]


def opened_at(given: QueryDict, content: Rendition) -> tuple[int, tuple[int, int] | None]:
    """Return the segment to open at, and the passage to mark there, if one was asked for."""
    asked = _passage(given, content)
    passage = content.place(*asked) if asked else None
    found = viewer.segments(content)
    if passage:
        return viewer.segment_at(found, passage[0]), passage
    page = given.get("page", "")
    if page.isdecimal():
        number = min(int(page[:9]), len(found))
        return max(number - 1, 0), None
    return 0, None


def _passage(given: QueryDict, content: Rendition) -> tuple[int, int] | None:
    """Return the original's offsets that the address asks for."""
    chunk_ids = ids_of(given.getlist("chunk"))
    if chunk_ids:
        return chunk_span(content.document_id, chunk_ids[0])
    start, end = given.get("start", ""), given.get("end", "")
    if not (start.isdecimal() and end.isdecimal()) or len(start) > 9 or len(end) > 9:
        return None
    first, last = int(start), min(int(end), content.origin(0, len(content.text))[1])
    return (first, last) if first < last else None


def answer_context(answer: Answer) -> dict[str, Any]:
    """Return an answer as its template shows it."""
    kind, label = GROUNDED[answer.grounded]
    return {
        "answer": answer,
        "html": answer_html(answer.answer, answer.citations),
        "grounded": {"kind": kind, "label": label},
        "sources": [
            {"citation": citation, "address": viewer_address(citation)}
            for citation in answer.citations
        ],
        "conflicts": beside(answer.conflicts),
        "withheld": {passage.document_id: passage for passage in answer.withheld}.values(),
    }


def beside(conflicts: Sequence[Conflict]) -> list[list[tuple[Citation, str]]]:
    """Return sources that differ for `documents/_conflicts.html`: both sides, with their links."""
    return [
        [(side, viewer_address(side)) for side in (conflict.cited, conflict.other)]
        for conflict in conflicts
    ]


def suggestions(ready: Sequence[Document], chosen: Sequence[UUID]) -> list[str]:
    """Return questions to begin with: about the documents' own headings, or else their whole."""
    about = [document for document in ready if not chosen or document.id in chosen][:3]
    contents = DocumentText.objects.filter(document_id__in=[document.id for document in about])
    headings = {
        content.document_id: content.headings
        if content.masked is None
        else rendition(content).headings
        for content in contents.defer("text")
    }
    found = []
    for document in about:
        titles = [title for _, title, _ in headings.get(document.id, []) if is_asked_of(title)]
        inner = [title for title in titles if title != document.title]
        name = document.title or document.name
        found.append(question_about(name, inner[len(inner) // 2]) if inner else question_of(name))
    return found
