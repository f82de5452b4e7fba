"""What a workspace may have a number of is no more by being asked for twice at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import connection

from documents import uploading
from tenants.accounts import groups, programs
from tenants.context import entered
from tenants.signin.models import EmailDomain
from tenants.signin.sso import domains
from tenants.webhooks import services as webhooks
from tests.support.cast import ADA
from tests.support.clients import api, browser_of, tenant_of
from tests.support.services import Worker
from tests.support.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)

WAITING = """
    SELECT count(*) FROM pg_locks
     WHERE NOT granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
BODIES: dict[str, Callable[[int], dict[str, Any]]] = {
    "webhooks": lambda number: {"url": f"https://93.184.215.14/{number}"},
    "groups": lambda number: {"name": f"Group {number}"},
    "service-accounts": lambda number: {"name": f"Program {number}", "role": "member"},
    "documents/uploads": lambda number: {"name": f"{number}.md", "size": 10},
}


def at_once(worker: Worker, table: str, ask: Callable[[int], int]) -> list[int]:
    """Ask twice, each on a connection of its own, until both wait; return what each was told.

    Nothing can be added to the table meanwhile, though everything can be counted.
    """

    def asked(number: int) -> int:
        try:
            return ask(number)
        finally:
            connection.close()

    schema, url = tenant_of(ADA).schema, worker.served.cluster().url("owner", worker.database)
    with psycopg.connect(url) as other, psycopg.connect(url, autocommit=True) as looking:
        other.execute(f"LOCK TABLE {schema}.{table} IN SHARE MODE")
        with ThreadPoolExecutor(2) as both:
            answers = [both.submit(asked, number) for number in (1, 2)]
            try:
                eventually(lambda: looking.execute(WAITING).fetchone() == (2,))
            finally:
                other.rollback()
            return sorted(answer.result() for answer in answers)


@pytest.mark.parametrize(
    ("kind", "table", "bounds", "most"),
    [
        ("webhooks", "webhooks_endpoint", webhooks, "MOST"),
        ("groups", "accounts_membergroup", groups, "MOST"),
        ("service-accounts", "accounts_user", programs, "MOST"),
        ("documents/uploads", "documents_upload", uploading, "OPEN_AT_MOST"),
    ],
)
def test_of_two_requests_for_the_last_place_one_gets_it(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, kind: str, table: str, bounds: Any, most: str
) -> None:
    monkeypatch.setattr(bounds, most, 1)

    def ask(number: int) -> int:
        path, body = f"/api/v1/{kind}/", BODIES[kind](number)
        return api(ADA).post(path, body, content_type="application/json").status_code

    assert at_once(worker, table, ask) == [201, 409]


def test_of_two_domains_for_the_last_place_one_is_noted(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domains, "MOST", 1)
    admins = {number: browser_of(ADA) for number in (1, 2)}

    def ask(number: int) -> int:
        told = {"domain": f"d{number}.example"}
        return admins[number].post("/settings/security/domains/", told).status_code

    assert at_once(worker, "signin_emaildomain", ask) == [302, 422]
    with entered(tenant_of(ADA)):
        assert EmailDomain.objects.count() == 1
