"""Every way into the product, tried by everybody who may not."""

from typing import Any

import pytest


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(1800)  # thousands of attempts, on a machine that does other things
def test_no_way_in_answers_whom_it_should_not(worker: Any, capsys: Any) -> None:
    from tests.isolation.matrix import attacked
    from tests.isolation.world import build

    report = attacked(build(), worker.empty_redis)
    with capsys.disabled():
        print(f"\n{report}")
    assert not report.failures, "\n".join(report.failures)
    assert len(report.covered) == report.entries


@pytest.mark.parametrize(
    ("table", "row", "told"),
    [
        ("ROUTES", "usage/", "The route 'usage/' is in no table: to tests/isolation/table.py add"),
        ("FRAMES", "stop", "The frame 'stop' is in no table"),
        ("TASKS", "documents.ingest", "The task 'documents.ingest' is in no table"),
        ("COMMANDS", "reembed", "The command 'reembed' is in no table"),
    ],
)
def test_a_way_in_without_a_row_is_told_with_what_to_add(
    table: str, row: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.isolation import elsewheretable, entries
    from tests.isolation import table as routes

    assert entries.undeclared() == []
    rows = getattr(routes if table == "ROUTES" else elsewheretable, table)
    monkeypatch.delitem(rows, row)
    [sentence] = entries.undeclared()
    assert sentence.startswith(told)
