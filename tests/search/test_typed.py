"""What is found at each key: by the words alone, the last one begun, and for nothing."""

import pytest
from django.core.cache import cache

from billing.models import LedgerEntry
from search.filing import collection_create
from tenants.accounts.limits import TYPING
from tenants.context import SYSTEM, entered, public_scope
from tenants.registry.models import Tenant
from tests.search.shelf import shelve
from tests.support.cast import ALICE, BOB, CHARLIE, Person
from tests.support.clients import browser_of, stranger, tenant_of, user_of
from tests.support.localaws import LocalAws
from tests.support.statements import statements_of_page

pytestmark = pytest.mark.django_db

PAID = "The invoice is paid within thirty days."
STATEMENTS = 7  # session and user, then where to look, the last word, passages, marks
TOLD = "Matches by words; by meaning in a moment"


def typed(query: str, person: Person = ALICE, **filters: str) -> str:
    """Return what is shown at a key, nothing where the words find nothing."""
    answer = browser_of(person).get("/search/typed/", {"q": query, **filters})
    assert answer.status_code in (200, 204), answer.content
    return answer.content.decode()


def entries() -> int:
    with public_scope("staff"):
        return LedgerEntry.objects.count()


@pytest.mark.parametrize("query", ["inv", "invo", "Invoi", "invoices", "thirty inv", "paid days i"])
def test_an_unfinished_word_finds_what_begins_so(query: str) -> None:
    shelve(ALICE, "paid.txt", PAID)
    shelve(ALICE, "pump.txt", "A pump that nobody wants.")
    shown = typed(query)
    assert TOLD in shown
    assert "paid.txt" in shown
    assert "pump.txt" not in shown


def test_the_begun_word_is_marked_and_a_mistyped_one_is_read_as_ever() -> None:
    shelve(ALICE, "paid.txt", PAID)
    assert "<mark>invoice</mark>" in typed("invo")
    both = typed("thirtty invo")
    assert "<mark>thirty</mark>" in both
    assert "<mark>invoice</mark>" in both


def test_a_word_that_is_there_comes_before_longer_ones_that_begin_so() -> None:
    shelve(ALICE, "carpets.txt", *["Carpets and carpenters."] * 3)
    shelve(ALICE, "car.txt", "The car and carpets.")
    shown = typed("car")
    assert 0 < shown.index("car.txt") < shown.index("carpets.txt")


@pytest.mark.parametrize("query", ["", " ", "\x00", "q", "zxqv", "for", '"paid within"'])
def test_what_the_words_alone_do_not_find_is_left_to_the_whole_search(query: str) -> None:
    shelve(ALICE, "paid.txt", PAID + " It is meant for forty people.")
    assert typed(query) == ""


@pytest.mark.parametrize(
    "query", ["'", "\\", "a\\b'c", "inv%", "inv_", "%s %(x)s", "{}", "inv\U0010ffff"]
)
def test_no_query_breaks_it(query: str) -> None:
    shelve(ALICE, "pump.txt", "A pump that nobody wants.")
    assert typed(query) == ""


def test_typing_asks_no_model_and_costs_nothing(localaws: LocalAws) -> None:
    shelve(ALICE, "paid.txt", PAID)
    written = entries()
    localaws.forget_requests()
    for query in ("in", "inv", "invoi", "invoice thrity"):
        typed(query)
    with public_scope("staff"):
        Tenant.objects.filter(slug=ALICE.workspace).update(posture="regulated")
    typed("invoice of Erika Mustermann")
    assert localaws.requests() == []
    assert entries() == written


def test_what_one_may_not_read_is_neither_found_nor_guessed() -> None:
    with entered(tenant_of(ALICE)):
        closed = collection_create(actor=SYSTEM, name="Closed", open=False)
    crowd = " ".join(f"heli{letter}x" for letter in "abdefghijklmnq")
    shelve(ALICE, "secret.txt", "Heliotrope lanterns.", collection_id=closed.id)
    shelve(ALICE, "crowd.txt", crowd, crowd, collection_id=closed.id)
    shelve(ALICE, "open.txt", "Helicopters and lanterns.")
    shelve(CHARLIE, "theirs.txt", "Heliotrope lanterns of others.")
    assert "open.txt" in typed("heli", BOB)
    for query in ("heli", "heliotro", "heliotrope", "heliotorpe"):
        assert "secret.txt" not in typed(query, BOB)
        assert "theirs.txt" not in typed(query, BOB)
        assert "eliotrope" not in typed(query, BOB).replace("question=heliotrope", "")
    assert stranger(ALICE.host).get("/search/typed/?q=heli").status_code == 302


def test_filters_hold_and_wrong_ones_are_refused() -> None:
    shelve(ALICE, "a.pdf", PAID, media_type="application/pdf")
    shelve(ALICE, "b.csv", PAID, media_type="text/csv")
    shown = typed("invo", type="pdf")
    assert "a.pdf" in shown
    assert "b.csv" not in shown
    client = browser_of(ALICE)
    for query, code in (("q=invo&collection=no-id", 404), ("q=invo&type=no", 400)):
        assert client.get(f"/search/typed/?{query}").status_code == code
    assert client.get("/search/typed/", {"q": "x" * 1001}).status_code == 400


def test_more_keys_than_anybody_has_are_refused_and_the_search_itself_is_not() -> None:
    shelve(ALICE, "paid.txt", PAID)
    client = browser_of(ALICE)
    with entered(tenant_of(ALICE)):
        cache.set(f"typing:user:{user_of(ALICE).pk}", TYPING.per_address, 60)
    refused = client.get("/search/typed/?q=invo", headers={"HX-Request": "true"})
    assert refused.status_code == 429
    assert "press Enter" in refused.content.decode()
    assert "paid.txt" in client.get("/search/?q=invoice").content.decode()
    assert "paid.txt" in typed("invo", BOB)


def test_a_key_takes_few_statements_however_many_documents_there_are() -> None:
    shelve(ALICE, "paid.txt", PAID)
    client = browser_of(ALICE)
    few = statements_of_page(client, "/search/typed/?q=invo")
    for number in range(5):
        shelve(ALICE, f"{number}.txt", PAID)
    assert statements_of_page(client, "/search/typed/?q=invo") == few
    assert few <= STATEMENTS


def test_the_whole_search_goes_on_with_a_short_word_typed_in_part() -> None:
    shelve(ALICE, "paid.txt", PAID)
    page = browser_of(ALICE).get("/search/?q=invo").content.decode()
    assert "<mark>invoice</mark>" in page
    assert "No passage has <q>invo</q>" in page
