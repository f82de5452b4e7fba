"""How well the extractive model answers from the demo's documents, over the wire.

The documents are read and cut as the product does it; a few passages are found for each question
by words and vectors, those that do not answer it among them.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pytest

from documents.chunking import chunk
from documents.parsing import detect, parse
from localaws.embedder import Embedder
from tests.support.files import long_pdf

from .conftest import NOVA, ROOT, said, user

DEMO = ROOT / "config" / "demo"
OWN = json.loads((Path(__file__).parent / "questions.json").read_text())
FACTS = {
    3: "The ropes of the northern depot are retired after 18 months of use.",
    7: "Helmets with a crack are destroyed on the same day by the shift supervisor.",
    9: "The annual audit of the crane takes place on 14 September 2026.",
}
PASSAGES = 8


def _stems(text):
    return [re.sub(r"(?:ings?|ed|es|s|e)$", "", word) for word in re.findall(r"\w+", text.lower())]


class Library:
    """The passages of one workspace, found by shared words and closeness of meaning."""

    def __init__(self, paths, embedder):
        self.embedder = embedder
        self.passages = [
            {"document": path.name, "page": found.page, "text": found.text}
            for path in paths
            for found in chunk(parse(path, detect(path.name, path.read_bytes(), _size(path))))
        ]
        self.bags = [Counter(_stems(p["text"])) for p in self.passages]
        self.seen = Counter(word for bag in self.bags for word in bag)
        self.vectors = embedder.embed([p["text"] for p in self.passages])

    def found(self, question):
        words = np.zeros(len(self.bags))
        for word in set(_stems(question)):
            rarity = math.log(1 + (len(self.bags) + 0.5) / (self.seen[word] + 0.5))
            for row, bag in enumerate(self.bags):
                words[row] += rarity * bag[word] * 2.2 / (bag[word] + 1.2 * _length(bag))
        meaning = self.vectors @ self.embedder.embed([question])[0]
        score = 0.6 * words / (words.max() or 1) + 0.4 * meaning / (meaning.max() or 1)
        return [self.passages[row] for row in np.argsort(-score, kind="stable")[:PASSAGES]]


def _size(path):
    return path.stat().st_size


def _length(bag):
    return 0.25 + 0.75 * sum(bag.values()) / 120


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    embedder = Embedder()
    embedder.start()
    manual = tmp_path_factory.mktemp("manual") / "operations.pdf"
    manual.write_bytes(long_pdf(12, FACTS))
    folders = {path.name: sorted(path.iterdir()) for path in (DEMO / "documents").iterdir()}
    return {
        name: Library(paths, embedder) for name, paths in {**folders, "manual": [manual]}.items()
    }


def _block(passages):
    parts = ["<passages>"]
    for number, passage in enumerate(passages, start=1):
        page = f' page="{passage["page"]}"' if passage["page"] else ""
        parts.append(f'<passage id="{number}" document="{escape(passage["document"])}"{page}>')
        parts += [passage["text"], "</passage>"]
    return "\n".join([*parts, "</passages>"])


def _guarded(text, qualifier):
    return {"guardContent": {"text": {"text": text, "qualifiers": [qualifier, "guard_content"]}}}


@pytest.fixture(scope="module")
def ask(runtime, libraries):
    """The answer to a question over a workspace's documents, and the passages it was given."""

    @cache
    def put(workspace, question):
        passages = libraries[workspace].found(question)
        content = [
            _guarded(_block(passages), "grounding_source"),
            _guarded(f"<question>{question}</question>", "query"),
        ]
        answer = runtime.converse(modelId=NOVA, messages=[{"role": "user", "content": content}])
        return said(answer), passages

    return put


def _bare(text):
    return re.sub(r"\W+", " ", re.sub(r"\[\d+\]", "", text)).lower().strip()


def _is_right(answer, passages, document, expected):
    """Whether the answer holds what is expected, in a line that marks the right document."""
    return any(
        _bare(expected) in _bare(sentence) and passages[int(mark) - 1]["document"] == document
        for sentence in re.split(r"(?<=\]\.)\s", answer)
        for mark in re.findall(r"\[(\d+)\]", sentence)
    )


def test_the_demo_questions_get_their_answers_with_a_mark_on_the_right_document(ask):
    demo = json.loads((DEMO / "questions.json").read_text())
    asked = [(workspace, row) for workspace, rows in demo.items() for row in rows]
    wrong = {}
    for workspace, row in asked:
        answer, passages = ask(workspace, row["question"])
        if not _is_right(answer, passages, row["document"], row["answer"]):
            wrong[row["question"]] = answer
    assert len(asked) >= 24
    assert len(wrong) <= 2, wrong


def test_paraphrases_table_cells_dates_amounts_and_lists_are_answered(ask):
    asked = [(name, *row) for name, rows in OWN["answerable"].items() for row in rows]
    wrong = {}
    for workspace, question, document, expected in asked:
        answer, passages = ask(workspace, question)
        if not _is_right(answer, passages, document, expected):
            wrong[question] = answer
    assert len(wrong) <= 0.1 * len(asked), wrong


def test_what_the_documents_do_not_say_is_refused(ask):
    asked = [(name, question) for name, rows in OWN["unanswerable"].items() for question in rows]
    answered = {
        question: answer for name, question in asked if "[" in (answer := ask(name, question)[0])
    }
    assert not answered


def test_a_row_is_said_with_the_column_that_is_asked_for(ask):
    answer, _ = ask("acme", "What is the hotel limit per night in London?")
    assert re.fullmatch(r"London: Limit per night GBP 190 \[\d\]\.", answer)
    answer, _ = ask("globex", "When is the clinic in Utrecht open?")
    assert re.match(
        r"Domplein Kliniek, Utrecht: Opening hours Mon-Fri 08:00-19:00 \[\d\]\.", answer
    )


def test_a_question_for_a_table_gets_its_rows_and_one_for_a_list_its_items(ask):
    rows, _ = ask("initech", "What are the alert thresholds?")
    assert "\n- db-lag: Threshold replica more than 30 seconds behind [" in rows
    items, _ = ask("acme", "Which expenses are never paid?")
    assert items.startswith("What is never paid:\n- Minibar") and items.count("\n- ") == 4


def test_every_sentence_of_an_answer_is_in_the_passage_it_marks(ask):
    for workspace, rows in OWN["answerable"].items():
        for question, _, _ in rows:
            answer, passages = ask(workspace, question)
            for sentence, mark in re.findall(r"(.+?) \[(\d)\](?:\[\d\])*[.!:]", answer):
                given = _bare(passages[int(mark) - 1]["text"]).split()
                assert set(_bare(sentence).split()) - {"1", "2", "3", "4", "5"} <= set(given)


def test_a_summary_is_whole_sentences_from_all_over_the_document(runtime, libraries):
    passages = [
        p for p in libraries["acme"].passages if p["document"] == "travel-and-expense-policy.pdf"
    ]
    asked = user("<task>summarize</task>", _block(passages))
    summary = said(runtime.converse(modelId=NOVA, messages=[asked]))
    sentences = re.findall(r"(.+?) \[(\d+)\]\.\s?", summary)
    assert 3 <= len(sentences) <= 6
    assert " | " not in summary
    pages = {passages[int(mark) - 1]["page"] for _, mark in sentences}
    assert len(pages) >= 4
    text = " ".join(" ".join(p["text"].split()) for p in passages)
    assert all(f"{sentence}." in text for sentence, _ in sentences)


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("What is the hotel limit per night in London?", "Hotel limit per night in London"),
        ("Hello, what's the price of the Karst boot?", "Price of the Karst boot"),
        ("Can you tell me who the data protection officer is?", "Data protection officer"),
        ("Do I need approval to work from overseas?", "Approval to work from overseas"),
        ("Which colour is a quokka crate painted?", "Colour of a quokka crate"),
        ("How much may a hotel in Zurich cost?", "Cost of a hotel in Zurich"),
        ("What does the Studio plan cost per month?", "Cost of the Studio plan per month"),
        ("How long is the warranty on tents?", "How long is the warranty on tents?"),
        ("When is the crane audited?", "When is the crane audited?"),
        ("What is the crate painted with?", "What is the crate painted with?"),
        ("What is the company doing about waste?", "What is the company doing about waste?"),
        (
            "Who has to agree to a trip to Japan or another country outside Europe?",
            "Who has to agree to a trip…",
        ),
        ("Wie hoch ist das Hotel-Limit in London?", "Wie hoch ist das Hotel-Limit in London?"),
        ("Tell me about the travel policy", "The travel policy"),
        ("Hello", "A new conversation"),
    ],
)
def test_a_title_is_what_the_question_is_about(runtime, question, title):
    asked = user("<task>title</task>", f"<text>{question}</text>")
    assert said(runtime.converse(modelId=NOVA, messages=[asked])) == title


@pytest.mark.parametrize(
    ("question", "alone"),
    [
        ("And in Munich?", "What is the hotel limit in Munich?"),
        ("What about Zurich?", "What is the hotel limit in Zurich?"),
        ("During a trade fair?", "What is the hotel limit in London during a trade fair?"),
        ("And who approves it?", "And who approves it (hotel limit in London)?"),
        ("How long are records kept?", "How long are records kept?"),
        ("How do I invite someone?", "How do I invite someone?"),
        ("How do I apply?", "How do I apply (hotel limit in London)?"),
    ],
)
def test_a_follow_up_takes_over_what_the_last_question_was_about(runtime, question, alone):
    history = "<history>\nuser: What is the hotel limit in London?\nassistant: GBP 190.\n</history>"
    asked = user(f"<task>standalone_question</task>\n{history}\n<question>{question}</question>")
    assert said(runtime.converse(modelId=NOVA, messages=[asked])) == alone
