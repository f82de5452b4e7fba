"""Which sentences of an answer the documents bear out, and the words that do it."""

import re
import uuid

import pytest

from documents.citations import cite, renumbered
from documents.marks import unmarked
from documents.models import DocumentText
from documents.rendering import answer_html
from documents.sentences import numbers, sentences, words
from search.retrieval import Passage
from tenants.context import entered
from tests.documents.helpers import ready, text_of
from tests.support.cast import MAX
from tests.support.clients import tenant_of

TEXT = (
    "Employees may work abroad for up to 30 days a calendar year. Approval by the manager is"
    " required, e.g. by e-mail.\n\nThe policy took effect on 2025-03-01. Contractors may not work"
    " abroad.\n\nHotels cost at most $1,250.00 a week. Flights are booked by the Travel Desk.\n"
)


@pytest.fixture
def passage(db: None) -> Passage:
    document = ready("policy.txt", TEXT)
    text = text_of(document)
    return Passage(
        chunk_id=uuid.uuid4(),
        document_id=document.id,
        document_name=document.name,
        media_type=document.media_type,
        text=text,
        start=0,
        end=len(text),
        page=None,
        heading="",
        rank=1,
        score=1.0,
    )


@pytest.mark.parametrize(
    ("answer", "grounded", "quotes"),
    [
        (
            "You may work abroad for 30 days a year [1].",
            "full",
            ["Employees may work abroad for up to 30 days a calendar year."],
        ),
        (
            "It took effect on March 1, 2025 as policy. [1] Hotels cost 1250 dollars a week [1].",
            "full",
            ["The policy took effect on 2025-03-01.", "Hotels cost at most $1,250.00 a week."],
        ),
        (
            "**Thirty** days of work abroad a calendar year [1]",
            "full",
            ["Employees may work abroad for up to 30 days a calendar year."],
        ),
        (
            "You may work abroad for 60 days a year [1].",
            "none",
            ["Employees may work abroad for up to 30 days a calendar year."],
        ),
        ("Contractors may work abroad [1].", "none", ["Contractors may not work abroad."]),
        ("The canteen is painted yellow [1].", "none", []),
        ("I could not find the answer in your documents.", "none", []),
        (
            "Flights are booked by the Travel Desk [1]. The moon is made of cheese.",
            "partly",
            ["Flights are booked by the Travel Desk."],
        ),
        (
            "Here is what applies:\n\n- Flights are booked by the Travel Desk [1]\n"
            "- Contractors may not work abroad [1]",
            "full",
            ["Flights are booked by the Travel Desk.", "Contractors may not work abroad."],
        ),
    ],
)
def test_each_sentence_needs_words_and_numbers_of_what_it_cites(
    passage: Passage, answer: str, grounded: str, quotes: list[str]
) -> None:
    with entered(tenant_of(MAX)):
        citations, found = cite(answer, [passage])
    assert found == grounded
    assert [citation.quote for citation in citations] == quotes
    for citation in citations:
        assert passage.text[citation.start : citation.end] == citation.quote


def test_a_passage_that_no_longer_stands_in_the_document_is_not_cited(passage: Passage) -> None:
    with entered(tenant_of(MAX)):
        DocumentText.objects.update(text="Everything was rewritten. " * 40)
        assert cite("Flights are booked by the Travel Desk [1].", [passage]) == ([], "none")


def test_each_quotation_gets_its_own_number_in_the_order_of_the_text(passage: Passage) -> None:
    answer = (
        "Contractors may not work abroad [1]. Flights are booked by the Travel Desk [1][9]."
        " Contractors may not work abroad [1]."
    )
    with entered(tenant_of(MAX)):
        citations, _ = cite(answer, [passage])
    text, given = renumbered(answer, citations)
    assert text == (
        "Contractors may not work abroad [1]. Flights are booked by the Travel Desk [2]."
        " Contractors may not work abroad [1]."
    )
    for citation in given:
        for start, end in citation.marks:
            assert text[start:end] == f"[{citation.number}]"
    assert [len(citation.marks) for citation in given] == [2, 1]
    # No line of the page begins with the full stop after a mark.
    assert answer_html(text, given).count("</a>.</span>") == 3


@pytest.mark.parametrize(
    "code",
    [
        "`rows[1]`",
        "``a ` rows[1]``",
        "\n\n```python\nfirst = rows[1]\n```\n\n",
        "\n\n- a list\n\n  ~~~\n  rows[1]\n  ~~~\n\n",
        "\n\n    rows[1]\n\n",
        "\n\n```\nrows[1] and no end",
    ],
)
def test_what_stands_in_code_is_no_mark(passage: Passage, code: str) -> None:
    answer = f"Contractors may not work abroad [1]. It is read by {code}"
    with entered(tenant_of(MAX)):
        citations, _ = cite(answer, [passage])
    assert [citation.marks for citation in citations] == [((32, 35),)]
    assert renumbered(answer, citations)[0] == answer
    shown = answer_html(answer, citations)
    assert shown.count('class="cite"') == 1
    assert "rows[1]" in re.sub("<[^>]+>", "", shown)


@pytest.mark.parametrize("text", ["See [1]: https://elsewhere.example", "a ` b [1] c", "~~[1]~~"])
def test_what_stands_in_no_code_is_a_mark(text: str) -> None:
    assert unmarked(text) == text.replace("[1]", "")


def test_sentences_end_where_they_end() -> None:
    text = "Dr. Smith came at 3.5 km/h. See No. 5, e.g. apples! Really?\n1. First\n2. Second\n"
    found = [sentence.text for sentence in sentences(text)]
    assert found == [
        "Dr. Smith came at 3.5 km/h.",
        "See No. 5, e.g. apples!",
        "Really?",
        "1. First",
        "2. Second",
    ]
    assert all(text[s.start : s.end] == s.text for s in sentences(text))


def test_numbers_and_dates_meet_in_one_spelling() -> None:
    assert numbers("1,000.50 and thirty") == {"1000.5", "30"}
    assert numbers("2025-03-01") == numbers("1 March 2025") == {"2025", "1", "month 3"}
    assert "month 5" not in numbers("you may come")


def test_a_row_of_a_table_is_quoted_alone_and_what_other_rows_deny_does_not_count() -> None:
    row = "Plan: Workshop; Users: 10; Invoices per month: 2000; Support: one hour"
    table = "Plan: Free; Users: 1; Invoices per month: 10; Support: not available\n" + row
    piped = "City | Limit per night\nMunich | EUR 165\nLondon | GBP 190"
    assert [part.text for part in sentences(table)][1] == row
    assert [part.text for part in sentences(piped)][2] == "London | GBP 190"


def test_what_stands_in_place_of_personal_data_is_no_word_of_the_claim() -> None:
    assert words("Report it to the hotline {PHONE} at once") == words("Report it to the hotline")
