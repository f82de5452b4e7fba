"""The index says exactly what the documents say, whatever was indexed and removed before."""

import re
from uuid import uuid4

import numpy as np
import pytest
from django.db import connection

from search.models import DIMENSIONS, Chunk, Posting, Source, Vector
from search.ranking import ENTRY
from search.services import (
    NewChunk,
    source_index,
    source_remove,
    unit_vectors,
    vectors_add,
)
from tenants.context import entered
from tests.search.shelf import find, names, shelve, statistics
from tests.support.cast import ALICE
from tests.support.clients import api, tenant_of

pytestmark = pytest.mark.django_db


def test_statistics_are_exact_after_indexing_again_and_removing() -> None:
    shelve(ALICE, "steady.txt", "red green blue", "red red")
    assert statistics(ALICE) == (2, 5)
    changing = shelve(ALICE, "changing.txt", "amber amber ochre")
    assert statistics(ALICE) == (3, 8)
    shelve(ALICE, "changing.txt", "violet", "indigo pink", source_id=changing)
    assert statistics(ALICE) == (4, 8)
    with entered(tenant_of(ALICE)):
        source_remove(changing)
    assert statistics(ALICE) == (2, 5)


def test_postings_hold_each_chunk_of_a_term_once() -> None:
    source = shelve(ALICE, "colours.txt", "red green blue", "red red", "The blue of the sea")
    with entered(tenant_of(ALICE)):
        numbers = list(Chunk.objects.order_by("ordinal").values_list("number", flat=True))
        entries = {
            row.term: np.frombuffer(bytes(row.entries), ENTRY).tolist()
            for row in Posting.objects.filter(source_id=source)
        }
    assert entries["red"] == [(numbers[0], 1, 3), (numbers[1], 2, 2)]
    assert entries["blue"] == [(numbers[0], 1, 3), (numbers[2], 1, 2)]
    assert "the" not in entries


def test_indexing_again_replaces_everything() -> None:
    source = shelve(ALICE, "draft.txt", "A chapter on volcanoes.", "A chapter on glaciers.")
    shelve(ALICE, "final.txt", "A chapter on deserts.", source_id=source)
    found = find(api(ALICE), "volcanoes glaciers deserts")
    assert names(found) == ["final.txt"]
    with entered(tenant_of(ALICE)):
        assert Posting.objects.filter(term__startswith="volcano").count() == 0
        assert Chunk.objects.count() == Vector.objects.count() == 1


def test_removing_leaves_no_row_and_removing_again_is_no_error() -> None:
    source = shelve(ALICE, "gone.txt", "A chapter on volcanoes.")
    with entered(tenant_of(ALICE)):
        source_remove(source)
        source_remove(source)
        for model in (Source, Chunk, Vector, Posting):
            assert model.objects.count() == 0


def test_a_document_without_text_can_be_indexed() -> None:
    shelve(ALICE, "words.txt", "A chapter on volcanoes.")
    with entered(tenant_of(ALICE)):
        source_index(
            source_id=uuid4(), name="empty.txt", media_type="text/plain", owner_id=None,
            chunks=[], embeddings=[],
        )  # fmt: skip
    assert names(find(api(ALICE), "volcanoes")) == ["words.txt"]


def test_the_number_of_embeddings_must_fit() -> None:
    chunk = NewChunk(0, "text", 0, 4, None, "")
    for embeddings in ([], [[0.1] * DIMENSIONS] * 2):
        with entered(tenant_of(ALICE)), pytest.raises(ValueError):
            source_index(
                source_id=uuid4(), name="a.txt", media_type="text/plain", owner_id=None,
                chunks=[chunk], embeddings=embeddings,
            )  # fmt: skip


def test_vectors_are_kept_to_the_last_digit_of_half_precision_and_never_replaced() -> None:
    made = np.random.default_rng(7).standard_normal((2, DIMENSIONS)) ** 5  # from tiny to large
    made[1, ::2] = 0
    source = shelve(ALICE, "two.txt", "One passage.", "Another passage.")
    with entered(tenant_of(ALICE)):
        numbers = list(Chunk.objects.order_by("ordinal").values_list("number", flat=True))
        Vector.objects.all().delete()
        vectors_add([(number, source) for number in numbers[:1]], unit_vectors(made[:1], 1))
        vectors_add([(number, source) for number in numbers], unit_vectors(made[::-1], 2))
        kept = list(Vector.objects.order_by("number").values_list("embedding", flat=True))
    told = unit_vectors([made[0], made[0]], 2).astype(np.float16)
    assert np.array_equal(np.array(kept, dtype=np.float16), told)


def test_a_single_endless_word_can_be_indexed() -> None:
    shelve(ALICE, "strange.txt", "x" * 3000 + " ordinary")
    assert names(find(api(ALICE), "ordinary")) == ["strange.txt"]


def test_vectors_stay_inline_and_entries_uncompressed() -> None:
    with entered(tenant_of(ALICE)), connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, attstorage FROM pg_attribute WHERE attrelid IN"
            " ('search_vector'::regclass, 'search_posting'::regclass)"
            " AND attname IN ('embedding', 'entries')"
        )
        assert dict(cursor.fetchall()) == {"embedding": "p", "entries": "e"}


def test_statements_name_no_schema() -> None:
    from search import arms, highlight, languages, services, words

    statements = [
        text
        for module in (arms, highlight, languages, services, words)
        for text in vars(module).values()
        if isinstance(text, str) and "SELECT" in text
    ]
    assert len(statements) > 10
    for statement in statements:
        assert not re.search(r"(FROM|JOIN|INTO|UPDATE)\s+\"?\w+\"?\.", statement)
