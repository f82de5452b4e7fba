"""Large workspaces are searched by an index that finds what an exact scan finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import numpy as np
import psycopg
import pytest
from django.db import connection

import search.arms
from search.arms import ASK, EXACT, NEAREST, SEARCH_SO, asked_for, by_meaning, within
from search.models import DIMENSIONS, Source
from search.vectorindex import INDEX
from tenants.context import entered
from tests.support.cast import ALICE
from tests.support.clients import tenant_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.support.services import Worker

pytestmark = pytest.mark.django_db(transaction=True)

SOURCES, EACH, TOPICS = 30, 100, 60
ABOVE = SOURCES * EACH // 2  # instead of the tens of thousands from which on an index pays


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(search.arms, "INDEX_UNTIL", ABOVE // 2)
    yield
    connection.close()


def vectors(seed: int, number: int) -> NDArray[np.float32]:
    """Return vectors that gather around topics, as those of texts do."""
    topics = np.random.default_rng(0).normal(size=(TOPICS, DIMENSIONS))
    rng = np.random.default_rng(seed)
    made = topics[rng.integers(TOPICS, size=number)]
    made = made + rng.normal(size=(number, DIMENSIONS)) * 0.8
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def fill(worker: Worker, schema: str) -> list[UUID]:
    """Put vectors into the schema, as if their documents had been read."""
    ids = [uuid4() for _ in range(SOURCES)]
    made = iter(vectors(1, SOURCES * EACH))
    with psycopg.connect(worker.served.cluster().url("postgres", worker.database)) as admin:
        admin.execute(f'SET search_path = "{schema}", extensions')
        for at, source in enumerate(ids):
            admin.execute(
                "INSERT INTO search_source (id, name, media_type, created_at, live, masked_with,"
                " embedding_model, chunk_count, term_count)"
                " VALUES (%s, %s, 'text/plain', now(), true, '', '', %s, 0)",
                [source, f"{at}.txt", EACH],
            )
        with admin.cursor().copy(
            "COPY search_vector (number, source_id, embedding) FROM STDIN"
        ) as rows:
            for at, source in enumerate(ids):
                for number in range(EACH):
                    rows.write_row((at * EACH + number + 1, source, str(asked_for(next(made)))))
        admin.execute("ANALYZE search_vector")
    return ids


def keep(worker: Worker, above: int = ABOVE) -> str:
    return worker.manage("owner", "index_vectors", "--tenant", "acme", "--above", str(above))


def index_of(schema: str) -> bool | None:
    """Return whether the index is valid; None without one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)",
            [f'"{schema}".{INDEX}'],
        )
        found = cursor.fetchone()
    return found[0] if found else None


def test_the_index_finds_what_an_exact_scan_finds(worker: Worker, capsys: object) -> None:
    tenant = tenant_of(ALICE)
    ids = fill(worker, tenant.schema)
    with entered(tenant):
        before = within(Source.objects.all())
        few = within(Source.objects.filter(id__in=ids[:2]))
        most = within(Source.objects.filter(id__in=ids[: SOURCES * 2 // 3]))
        assert index_of(tenant.schema) is None
    assert "made" in keep(worker)
    recalls = []
    with entered(tenant):
        assert index_of(tenant.schema) is True
        for place in (before, most, few):
            for asked in vectors(2, 20):
                exact = _exact(place, asked)
                found = by_meaning(place, asked.tolist(), count=100)
                best = found.scores[np.argsort(-found.scores)][:10]
                assert len(found.numbers) == len(exact) == 100
                recalls.append(np.mean(best >= exact[9] - 1e-6))
        assert "Index Scan using " + INDEX in _plan(vectors(2, 1)[0])
        for place, last in ((few, 2 * EACH), (most, SOURCES * 2 // 3 * EACH)):
            numbers = by_meaning(place, vectors(2, 1)[0].tolist(), count=100).numbers
            assert set(numbers) <= set(range(1, last + 1)), "by either way within the place alone"
    print(f"recall@10 of {len(recalls)} searches: {np.mean(recalls):.4f}")
    assert np.mean(recalls) >= 0.99


def test_an_index_that_was_cut_off_is_made_anew_and_one_too_small_is_dropped(
    worker: Worker,
) -> None:
    tenant = tenant_of(ALICE)
    fill(worker, tenant.schema)
    assert "as it was" in keep(worker, above=SOURCES * EACH + 1)
    keep(worker)
    url = worker.served.cluster().url("postgres", worker.database)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(%s)",
            [f'"{tenant.schema}".{INDEX}'],
        )
    assert "made" in keep(worker)
    with entered(tenant):
        assert index_of(tenant.schema) is True
    assert "as it was" in keep(worker, above=SOURCES * EACH * 3 // 2)  # not yet half of it
    assert "dropped" in keep(worker, above=SOURCES * EACH * 3)
    with entered(tenant):
        assert index_of(tenant.schema) is None


def _exact(place: search.arms.Within, asked: NDArray[np.float32]) -> list[float]:
    statement = ASK.format(found=EXACT.format(within=place.condition))
    rows = search.arms.rows(statement, [asked_for(asked), *place.params, 100])
    return sorted((row[1] for row in rows), reverse=True)


def _plan(asked: NDArray[np.float32]) -> str:
    with connection.cursor() as cursor:
        statement = ASK.format(found=NEAREST.format(within="true"))
        cursor.execute(f"{SEARCH_SO.format(400)} EXPLAIN {statement}", [asked_for(asked), 100])
        while cursor.nextset():
            pass
        return "\n".join(row[0] for row in cursor.fetchall())
