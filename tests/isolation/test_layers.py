"""Each layer holds alone, with the others switched off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.isolation.world import World
    from tests.support.services import Worker

# These also read who the owner is, or write beside: with every layer off they break off, since the
# other tenant's people are not in the asker's schema.
JOINED = {
    "POST write/ (4)",
    "route GET assistant/<uuid:conversation_id>/export/",
    "route GET assistant/shared/<uuid:conversation_id>/",
    "route GET api/v1/conversations/<uuid:conversation_id>/export/",
    "route GET api/v1/conversations/shared/<uuid:conversation_id>/",
}


@pytest.fixture(scope="module")
def world(worker: Worker, django_db_blocker: Any) -> Iterator[World]:
    """Two tenants with objects of each kind, committed for this file and gone after it."""
    from django.db import connection

    from tests.isolation.world import build

    with django_db_blocker.unblock():
        yield build()
        connection.close()
        connection.close_pool()
        worker.clone_database()


def test_every_layer_alone_refuses_everything_across_tenants(
    worker: Worker, world: World, capsys: Any
) -> None:
    from tests.isolation.layers import at_home, nothing_on, scores

    told = scores(worker, world)
    open_to_all = nothing_on(worker, world)
    texts = at_home(world)
    with capsys.disabled():
        print("\n" + "\n".join(f"{name} alone: {score}" for name, score in told.items()))
        print(f"no layer at all: {open_to_all}; at home {len(texts)} show texts or objects")
    for name, score in told.items():
        assert not score.through, f"{name} alone lets through {score.through}"
    assert told["database"].tried > 2000
    assert told["aws"].tried > 200
    assert told["application"].tried > 20
    assert len(texts) > 20
    assert texts - set(open_to_all.through) <= JOINED, "the switches leave something on"


def test_every_planted_fault_is_caught_and_none_is_seen_where_none_is(
    worker: Worker, world: World, capsys: Any
) -> None:
    from tests.isolation.faults import FAULTS, caught, cries

    assert cries(worker, world) == []
    score = caught(worker, world)
    with capsys.disabled():
        print(f"\nfaults: {score.tried} planted, {score.refused} caught")
    assert not score.through
    assert score.tried == len(FAULTS) >= 20
    assert cries(worker, world) == [], "a plant stays behind"
