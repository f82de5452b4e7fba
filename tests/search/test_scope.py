"""A search sees what its caller may see, and of that what was asked for."""

from uuid import uuid4

import numpy as np
import pytest

from search.access import ids_visible, sources_visible
from search.arms import rows, within
from search.filing import collection_create
from search.models import Chunk, Source
from search.ranking import Ranked
from search.retrieval import live_passages
from search.services import source_remove
from tenants.context import SYSTEM, entered
from tests.assistant.talking import actor_for
from tests.search.shelf import find, names, shelve
from tests.support.cast import ALICE, BOB, CHARLIE, MAX
from tests.support.clients import api, code_of, tenant_of

pytestmark = pytest.mark.django_db

SECRET = "The launch code of the northern lighthouse is heliotrope."


def refused(query: str, **more: object) -> tuple[int, str]:
    answer = api(ALICE).post(
        "/api/v1/search/", {"query": query, **more}, content_type="application/json"
    )
    return answer.status_code, code_of(answer)


def test_another_tenants_exact_text_finds_nothing() -> None:
    shelve(CHARLIE, "secret.txt", SECRET)
    shelve(ALICE, "own.txt", "The canteen opens at noon.")
    for query in (SECRET, "heliotrope", "lighthouse launch code"):
        assert all("heliotrope" not in result["text"] for result in find(api(ALICE), query))
    assert names(find(api(CHARLIE), "heliotrope")) == ["secret.txt"]


def test_equal_ids_in_two_tenants_stay_apart() -> None:
    shared = uuid4()
    shelve(ALICE, "acme.txt", "Acme paints its barrels red.", source_id=shared)
    shelve(CHARLIE, "globex.txt", "Globex paints its barrels green.", source_id=shared)
    assert names(find(api(ALICE), "barrels", document_ids=[str(shared)])) == ["acme.txt"]
    with entered(tenant_of(CHARLIE)):
        source_remove(shared)
    assert names(find(api(ALICE), "barrels")) == ["acme.txt"]
    assert find(api(CHARLIE), "barrels") == []


def test_a_removed_document_is_gone_at_once() -> None:
    kept = shelve(ALICE, "kept.txt", "Lanterns hang in the hall.")
    gone = shelve(ALICE, "gone.txt", "Lanterns hang in the cellar.")
    assert set(names(find(api(ALICE), "lanterns"))) == {"kept.txt", "gone.txt"}
    with entered(tenant_of(ALICE)):
        source_remove(gone)
    found = find(api(ALICE), "lanterns in the cellar")
    assert {result["document"]["id"] for result in found} == {str(kept)}


def test_what_is_taken_away_between_ranking_and_reading_is_not_read() -> None:
    sources = [shelve(ALICE, f"{name}.txt", "Lanterns hang here.") for name in ("kept", "taken")]
    with entered(tenant_of(ALICE)):
        place = within(Source.objects.filter(live=True))
        numbers = np.array(
            Chunk.objects.filter(source__in=sources).values_list("number", flat=True)
        )
        ranked = Ranked(numbers, np.ones(len(numbers)))
        assert len(live_passages(place, ranked, 10)) == 2
        Source.objects.filter(id=sources[1]).update(live=False)
        [left] = live_passages(place, ranked, 10)
        assert left.document_name == "kept.txt"
    assert "taken.txt" not in names(find(api(ALICE), "lanterns"))


def test_the_statement_that_is_written_once_asks_for_whoever_searches() -> None:
    with entered(tenant_of(ALICE)):
        own = {
            person: collection_create(actor=actor_for(person), name=person.email, open=False)
            for person in (ALICE, MAX)
        }
    for person, collection in own.items():
        shelve(ALICE, f"{person.email}.txt", "Lanterns.", collection_id=collection.id)
    shelve(ALICE, "open.txt", "Lanterns.")
    with entered(tenant_of(ALICE)):
        for actor in (actor_for(ALICE), actor_for(MAX), actor_for(BOB), SYSTEM):
            ids = ids_visible(actor)
            read = {row[0] for row in rows(ids.sql, list(ids.params))}
            assert read == set(sources_visible(actor).values_list("id", flat=True))
            assert len(read) == 1 + any(actor_for(person) == actor for person in own)


def test_a_search_keeps_to_the_documents_asked_for() -> None:
    first = shelve(ALICE, "first.txt", "Otters swim in the river.")
    shelve(ALICE, "second.txt", "Otters sleep on the bank of the river.")
    found = find(api(ALICE), "otters", document_ids=[str(first)])
    assert names(found) == ["first.txt"]


def test_a_search_keeps_to_the_collections_asked_for() -> None:
    with entered(tenant_of(ALICE)):
        collection = collection_create(actor=SYSTEM, name="Fauna")
    shelve(ALICE, "in.txt", "Otters swim in the river.", collection_id=collection.id)
    shelve(ALICE, "out.txt", "Otters sleep on the bank.")
    assert names(find(api(ALICE), "otters", collection_ids=[str(collection.id)])) == ["in.txt"]


def test_no_document_asked_for_finds_nothing() -> None:
    shelve(ALICE, "any.txt", "Otters swim in the river.")
    assert find(api(ALICE), "otters", document_ids=[]) == []


def test_unknown_and_other_tenants_ids_look_the_same() -> None:
    theirs = shelve(CHARLIE, "theirs.txt", SECRET)
    mine = shelve(ALICE, "mine.txt", "Otters swim in the river.")
    for ids in ([uuid4()], [theirs], [mine, theirs]):
        asked = [str(one) for one in ids]
        assert refused("otters", document_ids=asked) == (404, "not_found")
    assert refused("otters", collection_ids=[str(uuid4())]) == (404, "not_found")
