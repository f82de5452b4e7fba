"""Random operations of five workspaces at once: nobody gets to see what is another's."""

import os
from typing import Any

import pytest

OPERATIONS = int(os.environ.get("STATEFUL_OPERATIONS", "200"))
SEED = int(os.environ.get("STATEFUL_SEED", "1"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(1800)
def test_random_operations_of_five_workspaces_leak_nothing(worker: Any, capsys: Any) -> None:
    from tests.isolation.stateful.drive import drawn, driven

    outcome = driven(worker, SEED, drawn(SEED, OPERATIONS))
    with capsys.disabled():
        print(f"\n{outcome}")
    assert not outcome.failures, "\n".join([*outcome.failures[:20], *outcome.last])
    assert outcome.sightings > OPERATIONS / 8, "what is never seen proves nothing"


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(1800)
def test_random_operations_notice_a_search_that_asks_for_nobodys_rights(
    worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mix must see by itself what a probe is told to look at."""
    from django.db.models import Q

    import search.access
    from tests.isolation.stateful.drive import drawn, driven
    from tests.isolation.switchedoff import statements_anew

    monkeypatch.setattr(search.access, "may_read", lambda _actor, document="id": Q())
    with statements_anew():
        outcome = driven(worker, SEED, drawn(SEED, 300))
    told = [said for said in outcome.failures if said.startswith("LEAK")]
    assert told, outcome.failures
