"""What a hostile user, or our own slip, must not achieve across tenants."""

import pytest
from django.db import DatabaseError, connection, transaction

from tenants.accounts.models import User
from tenants.context import entered
from tests.support.cast import ALICE, CHARLIE
from tests.support.clients import api, code_of, signed_in, stranger, tenant_of


def emails() -> set[str]:
    return set(User.objects.values_list("email", flat=True))


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_the_server_turns_into_a_rollback_does_not_move_the_next_query() -> None:
    acme, globex = tenant_of(ALICE), tenant_of(CHARLIE)
    with entered(acme):
        assert ALICE.email in emails()
    with entered(globex):
        with transaction.atomic():
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT * FROM there_is_no_such_table")
            except DatabaseError:
                pass  # PostgreSQL answers the COMMIT that follows by rolling back, silently
        assert emails() == {CHARLIE.email}


@pytest.mark.django_db
def test_a_cursor_that_is_older_than_the_scope_runs_as_the_entered_tenant() -> None:
    acme, globex = tenant_of(ALICE), tenant_of(CHARLIE)
    with entered(acme), connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (acme.schema,)
        with entered(globex):
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == (globex.schema,)
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (acme.schema,)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "/api/v1/search/", "[" * 100_000),
        ("post", "/api/v1/search/", '{"query": "' + "a" * 3_000_000 + '"}'),
        ("post", "/api/v1/search/", "[1]"),
        ("post", "/api/v1/search/", '{"query": "\\ud800"}'),
        ("get", "/api/v1/documents/?cursor=cD0lMDA%3D", ""),
        ("get", "/api/v1/documents/?cursor=cD0xMjM%3D", ""),
        ("get", "/api/v1/audit/?cursor=cD1hYmM%3D", ""),
        ("get", "/api/v1/invoices/?cursor=cD1hYmM%3D", ""),
    ],
)
def test_a_malformed_request_gets_a_stable_code_and_never_a_500(
    method: str, path: str, body: str
) -> None:
    client = api(ALICE)
    client.raise_request_exception = False
    answer = client.generic(method.upper(), path, body, content_type="application/json")
    assert 400 <= answer.status_code < 500
    assert code_of(answer) in {"invalid", "too_large", "not_found"}


@pytest.mark.django_db
def test_an_error_names_the_field_and_what_to_send_instead() -> None:
    client = api(ALICE)

    def told(method: str, path: str, body: object) -> str:
        answer = getattr(client, method)(f"/api/v1/{path}", body, content_type="application/json")
        assert 400 <= answer.status_code < 500
        said: str = answer.json()["detail"]
        return said

    assert told("post", "ask/", {}) == "question: This field is required."
    assert told("post", "ask/", []).startswith("Invalid data. Expected a dictionary")
    assert told("patch", "data/policy/", {"days": 1}).startswith("days: ")
    assert told("patch", "safety/", {"words": ["good", []]}).startswith("words.1: ")
    assert told("post", "documents/", {}) == "Send the body as multipart/form-data."
    cursor = client.get("/api/v1/documents/?cursor=zzz").json()["detail"]
    assert "begin again without cursor" in cursor


@pytest.mark.django_db
def test_a_session_cookie_with_a_nul_is_a_bad_request() -> None:
    client = stranger(ALICE.host)
    client.raise_request_exception = False
    client.cookies["session"] = "\0aaaaaaaaaaaa"
    assert client.get("/settings/members/").status_code in {302, 400}


@pytest.mark.django_db
def test_a_text_with_a_nul_is_a_bad_request_and_a_name_is_kept_without_it() -> None:
    client = signed_in(ALICE)
    client.raise_request_exception = False
    assert client.get("/settings/audit/", {"action": "a\0b"}).status_code == 400
    assert client.post("/settings/keys/", {"name": "a\0b", "everything": "yes"}).status_code == 200
    assert [key["name"] for key in api(ALICE).get("/api/v1/keys/").json()["results"]][:1] == ["ab"]
