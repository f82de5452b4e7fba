"""The product's own help: articles in the tree, an index of their sections, and how well they fit.

A built-in collection that every workspace may cite and none may change. The words are cut as those
of documents are, by PostgreSQL's configuration for the language, and ranked by the same BM25. Each
reader gets the articles of their language; English ones stand in `help/`, others in a folder each.
"""

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID, uuid5

import numpy as np
from django.db import connection
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import get_language, gettext

from bedrock.gateway import Masked
from documents.citations import Citation, Grounded, cite
from search.ranking import ENTRY, TermPostings, bm25
from search.retrieval import Passage
from tenants.errors import NotFound

HELP: Final = UUID("6f1d6a5e-3c1c-5b0e-9b44-0d8f6b1f8a10")  # names of articles become ids in it
ENGLISH: Final = "en"
FOLDER: Final = Path(__file__).parent / "help"
SECTIONS: Final = 3  # that one question is given
FITS: Final = 0.7  # share of a question's weight that a section must carry to be given unasked
LEAST_TERMS: Final = 2  # of the question, in it
QUERY_CHARACTERS: Final = 300  # longer questions are about more than how the product works

# PostgreSQL's configurations; a language without articles reads the English ones.
CONFIGURATIONS: Final = {"en": "english", "de": "german"}
_SECTION: Final = re.compile(r"^## (.+)$", re.MULTILINE)
LEXEMES: Final = """
    SELECT place, lexeme, cardinality(positions)
      FROM unnest(%s::text[]) WITH ORDINALITY AS texts (said, place),
           unnest(to_tsvector(%s::regconfig, said))
"""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of an article: `text` is the article's `text[start:end]`."""

    heading: str
    anchor: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Article:
    """A help page; `text` is its Markdown without the title."""

    id: UUID
    slug: str
    title: str
    summary: str
    text: str
    sections: tuple[Section, ...]


def articles() -> Mapping[str, Article]:
    """Return the reader's articles by their slugs, in the order of their titles."""
    return articles_in(_language())


def _language() -> str:
    asked = get_language() or ENGLISH
    return asked if asked in CONFIGURATIONS else ENGLISH


@cache
def articles_in(language: str) -> Mapping[str, Article]:
    """Return all articles of a language by their slugs, in the order of their titles."""
    folder = FOLDER if language == ENGLISH else FOLDER / language
    found = [_article(path, language) for path in folder.glob("*.md")]
    return {article.slug: article for article in sorted(found, key=lambda each: each.title)}


def article_of(slug: str) -> Article:
    """Return an article. Raises NotFound."""
    article = articles().get(slug)
    if article is None:
        raise NotFound(gettext("There is no such help page."))
    return article


def _article(path: Path, language: str) -> Article:
    title, _, text = path.read_text(encoding="utf-8").removeprefix("# ").partition("\n")
    text = text.strip()
    heads = list(_SECTION.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    sections = [_section(text, head, end) for head, end in zip(heads, ends, strict=True)]
    summary = text[: heads[0].start()].strip()
    name = path.stem if language == ENGLISH else f"{language}/{path.stem}"
    return Article(uuid5(HELP, name), path.stem, title.strip(), summary, text, tuple(sections))


def _section(text: str, head: "re.Match[str]", end: int) -> Section:
    body = text[head.end() : end]
    start = head.end() + len(body) - len(body.lstrip())
    said = body.strip()
    return Section(head[1], slugify(head[1]), said, start, start + len(said))


@dataclass(frozen=True, slots=True)
class _Index:
    places: list[tuple[Article, Section]]
    postings: dict[str, bytes]
    mean_length: float


_kept: dict[str, _Index] = {}
_lock = threading.Lock()


def _index(language: str) -> _Index:
    """Return the index of a language's articles, made once in a process: one statement."""
    with _lock:
        if language not in _kept:
            _kept[language] = _indexed(language)
        return _kept[language]


def _indexed(language: str) -> _Index:
    there = articles_in(language).values()
    places = [(article, section) for article in there for section in article.sections]
    said = [f"{a.title} {s.heading} {s.heading} {s.text}" for a, s in places]
    counted: dict[str, list[tuple[int, int]]] = {}
    lengths = [0] * len(places)
    for place, lexeme, times in _lexemes(said, language):
        counted.setdefault(lexeme, []).append((place, times))
        lengths[place] += times
    postings = {
        lexeme: np.array([(at, times, lengths[at]) for at, times in own], ENTRY).tobytes()
        for lexeme, own in counted.items()
    }
    return _Index(places, postings, sum(lengths) / max(len(lengths), 1))


def _lexemes(texts: list[str], language: str) -> list[tuple[int, str, int]]:
    """Return (which text, from 0; lexeme; times) of each."""
    with connection.cursor() as cursor:
        cursor.execute(LEXEMES, [texts, CONFIGURATIONS[language]])
        return [(place - 1, lexeme, times) for place, lexeme, times in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Found:
    """A section that fits a question; `share` is how much of its weight it carries, 0 to 1."""

    article: Article
    section: Section
    score: float
    share: float
    terms: int


def configurations() -> list[str]:
    """Return the configurations by which a question of the reader's may be looked up."""
    return [CONFIGURATIONS[language] for language in dict.fromkeys((_language(), ENGLISH))]


def help_search(
    query: str,
    *,
    limit: int = 10,
    language: str = "",
    stems: Mapping[str, Mapping[str, int]] = MappingProxyType({}),
) -> list[Found]:
    """Return the sections that fit best, best first, by default of the reader's language.

    One statement; none where `stems` has those of the query by the language's configuration.
    """
    language = language or _language()
    index = _index(language)
    asked = stems.get(CONFIGURATIONS[language])
    if asked is None:
        read = _lexemes([query[:QUERY_CHARACTERS]], language)
        asked = {lexeme: times for _, lexeme, times in read}
    terms = [
        TermPostings(times, len(entries) // ENTRY.itemsize, entries)
        for lexeme, times in asked.items()
        if (entries := index.postings.get(lexeme))
    ]
    ranked = bm25(terms, chunks=len(index.places), mean_length=index.mean_length)
    scores = dict(zip(ranked.numbers.tolist(), ranked.scores.tolist(), strict=True))
    best = sorted(scores, key=lambda at: (-scores[at], at))[:limit]
    found = []
    for at in best:
        article, section = index.places[at]
        share, carried = _carried(index, asked, at)
        found.append(Found(article, section, scores[at], share, carried))
    return found


def _carried(index: _Index, asked: Mapping[str, int], at: int) -> tuple[float, int]:
    """Return the share of the question's weight that a section has, and how many of its terms."""
    total = held = 0.0
    count = 0
    for lexeme in asked:
        entries = index.postings.get(lexeme, b"")
        numbers = np.frombuffer(entries, ENTRY)["number"]
        weight = float(np.log1p(len(index.places) / (len(numbers) + 0.5)))
        total += weight
        if at in numbers:
            held += weight
            count += 1
    return (held / total if total else 0.0), count


def help_passages(
    question: str, stems: Mapping[str, Mapping[str, int]] = MappingProxyType({})
) -> list[Passage]:
    """Return what the help says about a question that is about the product; mostly nothing.

    `stems` are the question's in the languages that it was read in before, of `configurations`.
    """
    if len(question) > QUERY_CHARACTERS:
        return []
    for language in dict.fromkeys((_language(), ENGLISH)):  # one may ask in English in any case
        found = help_search(question, limit=SECTIONS, language=language, stems=stems)
        fitting = [each for each in found if each.share >= FITS and each.terms >= LEAST_TERMS]
        if fitting:
            return [passage_of_help(each, rank) for rank, each in enumerate(fitting, start=1)]
    return []


def passage_of_help(found: Found, rank: int) -> Passage:
    """Return a section as what is cited. These are our own words: there is nothing to mask."""
    article, section = found.article, found.section
    return Passage(
        chunk_id=uuid5(article.id, section.anchor),
        document_id=article.id,
        document_name=Masked(gettext("Help: %(title)s") % {"title": article.title}),
        media_type="text/markdown",
        text=Masked(section.text),
        start=section.start,
        end=section.end,
        page=None,
        heading=Masked(section.heading),
        rank=rank,
        score=found.score,
    )


def helped_line(passages: Sequence[Passage]) -> str:
    """Return what a person reads of a look into the help."""
    begins = len(gettext("Help: %(title)s") % {"title": ""})
    names = list(dict.fromkeys(passage.document_name[begins:] for passage in passages))
    return gettext("Looked into the product's help: %(names)s") % {"names": ", ".join(names)}


def cited(answer: str, passages: Sequence[Passage]) -> tuple[list[Citation], Grounded]:
    """Return `cite` of an answer from documents and help pages; those link to the help."""
    texts = help_texts() if any(p.document_id in help_texts() for p in passages) else {}
    citations, grounded = cite(answer, passages, texts)
    return [
        replace(each, url=help_address(each.document_id, each.start)) for each in citations
    ], grounded


@cache
def help_texts() -> dict[UUID, str]:
    """Return the text of each article of every language by its id, to verify quotations by."""
    return {article.id: article.text for article in _all_articles()}


def _all_articles() -> list[Article]:
    return [each for language in CONFIGURATIONS for each in articles_in(language).values()]


def help_address(document_id: UUID, start: int) -> str:
    """Return where a place of an article is read; empty for what is no article."""
    for article in _all_articles():
        if article.id == document_id:
            anchors = [each.anchor for each in article.sections if each.start <= start]
            return reverse("help_article", args=[article.slug]) + f"#{anchors[-1]}"
    return ""


def article_dict(article: Article) -> dict[str, Any]:
    """Return an article as REST has it."""
    return {
        "slug": article.slug,
        "title": article.title,
        "summary": article.summary,
        "text": article.text,
        "url": reverse("help_article", args=[article.slug]),
    }
