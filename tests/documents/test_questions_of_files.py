"""The bench's questions about real files, and how an answer to one is judged."""

from __future__ import annotations

from collections import Counter

from tests.bench.asked import Question, judged, questions
from tests.bench.realfiles import FILES, OFFICE

ASKED = Question("How big is a key?", "manual.pdf", (3, 4), "key size, 16", held_out=False)


def cited(name: str, page: int | None, quote: str) -> dict[str, object]:
    return {"document_name": name, "page": page, "quote": quote}


def test_there_are_ten_questions_about_each_of_twenty_files_two_held_out() -> None:
    asked = questions()
    packages = Counter(question.file.split(" ")[0] for question in asked)
    assert packages == Counter(
        {name.split("/")[0]: 10 for name in [*FILES, *(name for name, _, _ in OFFICE)]}
    ) + Counter({"zlib1g-dev": 10})
    assert len({question.text for question in asked}) == len(asked) == 200
    assert sum(question.held_out for question in asked) == 40
    assert all(question.pages for question in asked if question.file.endswith((".pdf", ".pptx")))
    assert all(question.words.strip() for question in asked)


def test_an_answer_is_right_by_the_page_and_the_words_that_it_cites() -> None:
    right = cited("manual.pdf", 4, "The UMAC key\nsize, 16.")
    answer = {"answer": "It is 16 [2].", "citations": [cited("manual.pdf", 9, "A key."), right]}
    told = judged(ASKED, answer, given="… key size, 16 …")
    assert (told.verdict, told.right, told.first, told.given) == ("right", True, False, True)
    assert judged(ASKED, {**answer, "citations": [right]}).first
    for citations, verdict in (
        ([], "not found"),
        ([cited("manual.pdf", 3, "A key.")], "right page, other words"),
        ([cited("manual.pdf", 9, "key size, 16")], "wrong"),
        ([cited("other.pdf", 4, "key size, 16")], "wrong"),
    ):
        told = judged(ASKED, {"answer": "", "citations": citations})
        assert (told.verdict, told.right, told.given) == (verdict, False, False)
