"""Words are read in their document's language, mistyped ones too, and phrases word for word."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from search.access import ids_visible
from search.filing import collection_create, member_set
from search.languages import language_of
from search.models import Chunk, Posting, Right, Source
from search.services import POST
from search.tasks import languages_reread
from search.typos import distance, forgiven, one_off, readings, spelling
from search.words import by_words
from tenants.context import SYSTEM, entered
from tests.search.shelf import find, names, shelve
from tests.support.cast import ALICE, BOB, CHARLIE
from tests.support.clients import api, browser_of, tenant_of, user_of

pytestmark = pytest.mark.django_db

GERMAN = (
    "Die Kündigungsfristen für das Arbeitsverhältnis betragen drei Monate zum Ende des Quartals."
    " Eine Kündigung muss schriftlich erfolgen und wird erst mit ihrem Zugang wirksam."
)
FRENCH = (
    "Les salariés peuvent prendre des congés payés pendant toute l'année, mais ils doivent en"
    " informer leur responsable au moins deux semaines avant le départ."
)
SPANISH = (
    "Los empleados tienen derecho a vacaciones pagadas durante todo el año, pero deben avisar a su"
    " responsable con dos semanas de antelación."
)
ENGLISH = (
    "The employees are entitled to paid holidays through all of the year, but they must tell the"
    " manager at least two weeks before they leave."
)
SWEDISH = (
    "De anställda har rätt till betald semester under hela året, men de måste meddela sin chef"
    " minst två veckor innan de åker."
)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (GERMAN, "german"), (FRENCH, "french"), (SPANISH, "spanish"), (ENGLISH, "english"),
        (SWEDISH, "swedish"), ("", "english"), ("4711; 12,50; PX-4471", "english"),
        ("item,price\npump,100\nvalve,30\nseal,4", "english"), ("Otters swim.", "english"),
    ],
)  # fmt: skip
def test_a_documents_language_is_told_by_its_stop_words(text: str, language: str) -> None:
    with entered(tenant_of(ALICE)):
        assert language_of([text]) == language


@pytest.mark.parametrize(
    ("name", "text", "query"),
    [
        ("frist.txt", GERMAN, "Kündigungsfrist"),
        ("conges.txt", FRENCH, "salarié informant"),
        ("vacaciones.txt", SPANISH, "empleado"),
    ],
)
def test_another_form_of_a_word_is_found_in_its_language(name: str, text: str, query: str) -> None:
    shelve(ALICE, name, text)
    shelve(ALICE, "holidays.txt", ENGLISH)
    page = browser_of(ALICE).get("/search/", {"q": query}).content.decode()
    assert name in page
    assert page.count("<mark>") >= 1
    assert "data-read-as" not in page  # its stem is there, nothing was guessed


def test_documents_indexed_before_languages_were_told_are_read_again() -> None:
    old = shelve(ALICE, "frist.txt", GERMAN)
    shelve(ALICE, "holidays.txt", ENGLISH)
    with entered(tenant_of(ALICE)):
        kept = Chunk.objects.filter(source_id=old).values_list("chunk_id", flat=True)
        passages = list(kept)
        Posting.objects.filter(source_id=old).delete()
        Source.objects.update(language="english", language_told=False)
        with connection.cursor() as cursor:
            cursor.execute(POST, {"source": old, "language": "english"})
    asked = {"query": "Kündigungsfrist"}
    before = api(ALICE).post("/api/v1/search/", asked, content_type="application/json").json()
    assert before["read_as"] != {}  # its stem is nowhere: it is guessed
    with entered(tenant_of(ALICE)):
        languages_reread()
        languages = dict(Source.objects.values_list("name", "language"))
        assert languages == {"frist.txt": "german", "holidays.txt": "english"}
        assert not Source.objects.filter(language_told=False).exists()
        assert (
            list(Chunk.objects.filter(source_id=old).values_list("chunk_id", flat=True)) == passages
        )
    after = api(ALICE).post("/api/v1/search/", asked, content_type="application/json").json()
    assert after["read_as"] == {}
    assert after["results"][0]["document"]["name"] == "frist.txt"


def test_a_stop_word_of_one_language_is_a_word_in_another() -> None:
    shelve(ALICE, "frist.txt", GERMAN)
    shelve(ALICE, "dice.txt", "To play you need a die, and it is thrown by the eldest of you.")
    assert names(find(api(ALICE), "die")) == ["dice.txt"]


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("garantee", "guarantee"), ("guarentee", "guarantee"), ("reciept", "receipt"),
        ("environmnetal", "environmental"), ("recpt", None), ("tree", None), ("44712", None),
        ("codse", "codes"), ("coed", None),
    ],
)  # fmt: skip
def test_a_mistyped_word_is_read_as_one_that_there_is(typed: str, wanted: str | None) -> None:
    shelve(ALICE, "a.txt", "The guarantee covers it with a receipt, in three years, codes 44711.")
    shelve(ALICE, "b.txt", "The environmental report of the year.")
    answer = (
        api(ALICE).post("/api/v1/search/", {"query": typed}, content_type="application/json").json()
    )
    if wanted is None:
        assert answer["read_as"] == {}
    else:
        assert answer["read_as"] == {typed: [wanted]}
        assert wanted in answer["results"][0]["text"]


@pytest.mark.parametrize(("times", "read"), [(8, True), (9, False)])
def test_an_endless_word_is_not_guessed_at(times: int, read: bool) -> None:
    word, typed = "donau" * times, "donau" * (times - 1) + "donxu"
    shelve(ALICE, "a.txt", f"The {word} of the year.")
    answer = api(ALICE).post("/api/v1/search/", {"query": typed}, content_type="application/json")
    assert answer.json()["read_as"] == ({typed: [word]} if read else {})


def test_several_mistyped_words_cost_two_statements_together() -> None:
    shelve(ALICE, "a.txt", "The guarantee covers it with a receipt, in three years.")
    with entered(tenant_of(ALICE)), CaptureQueriesContext(connection) as asked:
        _, words = by_words(ids_visible(SYSTEM), "garantee, reciept, quetzalcoatl")
    assert words.read_as == {"garantee": ("guarantee",), "reciept": ("receipt",)}
    assert len(asked) == 3, [each["sql"] for each in asked]


def test_a_mistyped_word_is_said_and_what_was_found_is_marked() -> None:
    shelve(ALICE, "a.txt", "The pump has a guarantee of five years.")
    page = browser_of(ALICE).get("/search/", {"q": "garantee"}).content.decode()
    assert "No passage has <q>garantee</q>" in page
    assert "<strong>guarantee</strong>" in page
    assert "<mark>guarantee</mark>" in page


def test_a_word_typed_in_part_is_read_as_those_that_begin_so() -> None:
    shelve(ALICE, "a.txt", "Maintenance of the pump.", "The maintainer of the pump.")
    found = api(ALICE).post(
        "/api/v1/search/", {"query": "pump mainten"}, content_type="application/json"
    )
    assert found.json()["read_as"] == {}  # it is the stem of "maintenance" already
    found = api(ALICE).post(
        "/api/v1/search/", {"query": "pump maint"}, content_type="application/json"
    )
    assert set(found.json()["read_as"]["maint"]) == {"maintenance", "maintainer"}


def test_a_word_of_what_one_may_not_read_is_not_told() -> None:
    with entered(tenant_of(ALICE)):
        hidden = collection_create(actor=SYSTEM, name="Board", open=False)
    shelve(ALICE, "secret.txt", "The heliotrope of the board.", collection_id=hidden.id)
    shelve(ALICE, "open.txt", "The canteen opens at noon.")
    for asked in ("helitrope", "heliotr"):
        answer = (
            api(BOB)
            .post("/api/v1/search/", {"query": asked}, content_type="application/json")
            .json()
        )
        assert answer["read_as"] == {}
        assert answer["results"] == []
    with entered(tenant_of(ALICE)):
        member_set(actor=SYSTEM, collection_id=hidden.id, user_id=user_of(BOB).id, right=Right.READ)
    assert names(find(api(BOB), "helitrope")) == ["secret.txt"]


def test_a_neighbours_words_are_not_told() -> None:
    shelve(CHARLIE, "secret.txt", "The heliotrope of the lighthouse.")
    shelve(ALICE, "open.txt", "The canteen opens at noon.")
    assert find(api(ALICE), "helitrope") == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('"business class"', ["a.txt"]), ("“business class”", ["a.txt"]),
        ('"BUSINESS  CLASS" flights', ["a.txt"]), ('"class business"', []),
        ('"to the"', ["b.txt"]), ('"example org"', ["b.txt"]), ('"busines class"', []),
        ('"business class" "to the"', []), ('"é\\%_"', []), ('"Geschäftliche Reisen"', ["c.txt"]),
    ],
)  # fmt: skip
def test_what_is_quoted_must_stand_there_word_for_word(query: str, found: list[str]) -> None:
    shelve(ALICE, "a.txt", "Employees fly in business-class when flights are long.")
    shelve(ALICE, "b.txt", "A class for business, given to the staff: www.example.org/class.")
    shelve(ALICE, "c.txt", "Geschäftliche Reisen werden von der Firma bezahlt, wenn sie es ist.")
    assert names(find(api(ALICE), query)) == found


def test_only_the_whole_phrase_is_marked() -> None:
    shelve(ALICE, "a.txt", "A business has a class of its purpose: Business  class, and business.")
    page = browser_of(ALICE).get("/search/", {"q": '"business class" purpose'}).content.decode()
    assert (
        "A business has a class of its <mark>purpose</mark>: <mark>Business  class</mark>" in page
    )


def test_an_open_quotation_mark_is_none() -> None:
    shelve(ALICE, "a.txt", "A class for business.")
    assert names(find(api(ALICE), '"business cl')) == ["a.txt"]


def test_filters_by_time_and_owner_narrow_what_is_found() -> None:
    old = shelve(ALICE, "old.txt", "Otters swim.")
    mine = shelve(ALICE, "mine.txt", "Otters dive.")
    alice = str(user_of(ALICE).id)
    with entered(tenant_of(ALICE)):
        Source.objects.filter(id=old).update(created_at="2020-01-01T00:00Z")
        Source.objects.filter(id=mine).update(owner_id=alice)
    client = api(ALICE)
    assert names(find(client, "otters", added_from="2024-01-01T00:00Z")) == ["mine.txt"]
    assert names(find(client, "otters", added_before="2024-01-01T00:00Z")) == ["old.txt"]
    assert names(find(client, "otters", owner_ids=[alice])) == ["mine.txt"]
    assert names(find(client, "otters", kinds=["pdf"])) == []
    page = browser_of(ALICE).get("/search/", {"q": "otters", "added": "week"}).content.decode()
    assert "mine.txt" in page
    assert "old.txt" not in page


@pytest.mark.parametrize("given", [{"added": "never"}, {"owner": "nobody"}, {"type": "scroll"}])
def test_a_filter_that_is_none_is_said_to_be_so(given: dict[str, str]) -> None:
    shelve(ALICE, "a.txt", "Otters swim.")
    answer = browser_of(ALICE).get("/search/", {"q": "otters", **given})
    assert answer.status_code == 400
    assert "filter_unknown" in answer.content.decode()


def test_whole_words_decide_what_a_word_stands_for() -> None:
    assert spelling("maternity", ["material", "materials"], unfinished=False) is None
    assert spelling("garantees", ["guarantee", "guarantees"], unfinished=False) == "guarantees"
    assert spelling("main", ["maintenance", "maintain"], unfinished=True) == "maintain"


def test_mistakes_are_counted_and_forgiven_by_length() -> None:
    assert distance("guarante", "guarante") == 0
    assert distance("reciept", "receipt") == 1
    assert distance("kitten", "sitting") == 3
    assert [forgiven(word) for word in ("abc", "abcd", "abcdefg", "abcdefgh", "abcde1")] == [
        0, 0, 1, 2, 0,
    ]  # fmt: skip
    assert {"bc", "bac", "xbc", "abxc"} <= one_off("abc")
    known = {"receipt": 3, "recip": 9, "receiv": 1}
    assert [one.term for one in readings({"reciept": 1}, known, unfinished=False)] == ["receipt"]
