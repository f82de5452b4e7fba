"""Two admins change the same settings in the same moment: one wins, the other is told."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import connection

from tenants.accounts.models import AuditEvent
from tenants.context import entered
from tests.assistant.talking import eventually
from tests.support.cast import ADA, ALICE, Person
from tests.support.clients import api, tenant_of
from tests.support.localaws import LocalAws
from tests.support.services import Worker

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass"


def put(path: str, body: dict[str, Any]) -> Callable[[Person], Any]:
    return lambda person: api(person).put(path, body, content_type="application/json")


def patch(path: str, body: dict[str, Any]) -> Callable[[Person], Any]:
    return lambda person: api(person).patch(path, body, content_type="application/json")


CHANGES = {
    "posture": ("bedrock_safetyrules", "safety.changed",
                put("/api/v1/safety/posture/", {"posture": "regulated"})),
    "assistant": ("bedrock_assistantsettings", "assistant.changed",
                  patch("/api/v1/assistant/settings/", {"name": "Minerva"})),
    "data policy": ("registry_datapolicy", "data.retention",
                    patch("/api/v1/data/policy/", {"days": {"documents": 30}})),
}  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_of_two_in_the_same_moment_one_wins_and_the_other_is_told(
    worker: Worker, localaws: LocalAws
) -> None:
    url = worker.served.cluster().url("owner", worker.database)
    for name, (table, action, change) in CHANGES.items():

        def status(person: Person, change: Callable[[Person], Any] = change) -> int:
            try:
                return int(change(person).status_code)
            finally:
                connection.close()

        with psycopg.connect(url) as held, psycopg.connect(url, autocommit=True) as looking:
            held.execute(f"LOCK TABLE public.{table} IN SHARE MODE")  # type: ignore[arg-type]

            def both_wait(looking: Any = looking, table: str = table) -> bool:
                return bool(looking.execute(WAITING, [f"public.{table}"]).fetchone() == (2,))

            with ThreadPoolExecutor(2) as threads:  # both have read what is in force by then
                asked = [threads.submit(status, person) for person in (ADA, ALICE)]
                eventually(both_wait)
                held.rollback()
                assert sorted(each.result() for each in asked) == [200, 409], name
        with entered(tenant_of(ADA)):
            assert AuditEvent.objects.filter(action=action).count() == 1, name
