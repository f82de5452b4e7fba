"""How many SQL statements a step takes."""

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext


def statements_of(step: Callable[[], Any]) -> int:
    """Return what two times in a row take, or the least of three, after a first one.

    What a process keeps a copy of (plans, prices, a session's last minute) it reads or writes anew
    now and then: in one of them at most.
    """
    step()
    counts: list[int] = []
    while len(counts) < 3 and (len(counts) < 2 or counts[0] != counts[1]):
        with CaptureQueriesContext(connection) as caught:
            step()
        counts.append(len(caught))
    return min(counts)


def statements_of_page(client: Client, path: str) -> int:
    """Return those of a page that answers 200."""

    def read() -> None:
        answer = client.get(path)
        assert answer.status_code == 200, answer.content

    return statements_of(read)
