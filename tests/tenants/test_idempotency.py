"""A request that is sent again with its Idempotency-Key is answered again and done once."""

import threading
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from assistant.models import Conversation
from documents.models import Document
from tenants.accounts.idempotency import answers_forget
from tenants.accounts.models import ApiKey, KeptAnswer
from tenants.context import entered
from tenants.objects import object_get
from tests.documents.helpers import ready
from tests.support.cast import ADA, BOB, MAX
from tests.support.clients import api, code_of, tenant_of, user_of

pytestmark = pytest.mark.django_db
PATH = "/api/v1/conversations/"
REPLAYED = "Idempotency-Replayed"


def begin(key: str, person: Any = MAX, body: Any = None, path: str = PATH) -> Any:
    headers = {"Idempotency-Key": key}
    return api(person).post(path, body or {}, "application/json", headers=headers)


def count() -> int:
    with entered(tenant_of(MAX)):
        return Conversation.objects.count()


def test_the_second_gets_the_firsts_answer_and_does_nothing() -> None:
    first, second = begin("a"), begin("a")
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert (REPLAYED in first, second[REPLAYED]) == (False, "true")
    assert second["Content-Type"] == first["Content-Type"]
    assert count() == 1
    assert begin("b").json()["id"] != first.json()["id"]


def test_a_key_is_its_users_own_and_for_one_request() -> None:
    begin("a")
    assert REPLAYED not in begin("a", BOB)
    for other in (begin("a", body={"title": "Other"}), begin("a", path="/api/v1/search/")):
        assert (other.status_code, code_of(other)) == (422, "idempotency_key_reused")
    for wrong in ("", "x" * 256, "ü", "a\tb"):
        assert code_of(begin(wrong)) == "invalid"
    assert count() == 2


def test_forms_with_files_are_told_apart_by_what_is_in_them() -> None:
    def send(name: str, content: bytes, **fields: str) -> Any:
        file = SimpleUploadedFile(name, content)
        return api(MAX).post("/api/v1/documents/", {"file": file, **fields},
                             headers={"Idempotency-Key": "a"})  # fmt: skip

    first, second = send("one.md", b"Otters swim."), send("one.md", b"Otters swim.")
    assert (first.status_code, second[REPLAYED], second.json()) == (201, "true", first.json())
    for other in (
        send("one.md", b"Otters sink."),
        send("two.md", b"Otters swim."),
        send("one.md", b"Otters swim.", keep_both="true"),
    ):
        assert (other.status_code, code_of(other)) == (422, "idempotency_key_reused")
    with entered(tenant_of(MAX)):
        (document,) = Document.objects.all()
        assert object_get(document.object_key) == b"Otters swim."  # read twice, kept whole


def test_a_refused_request_can_be_put_right_under_its_key() -> None:
    asked = {"query": ""}
    assert begin("a", body=asked, path="/api/v1/search/").status_code == 400
    assert begin("a", body={"query": "hotel"}, path="/api/v1/search/").status_code == 200


def test_a_secret_that_is_shown_once_is_kept_sealed() -> None:
    body = {"name": "Nightly"}
    first, second = (begin("a", body=body, path="/api/v1/keys/") for _ in range(2))
    secret = first.json()["secret"]
    assert second.json()["secret"] == secret
    with entered(tenant_of(MAX)):
        assert ApiKey.objects.filter(name="Nightly").count() == 1
        assert secret not in KeptAnswer.objects.get().body


def test_an_answer_that_may_quote_what_was_deleted_or_closed_is_not_given_again() -> None:
    path, asked = "/api/v1/search/", {"query": "lighthouse lamps"}
    gone = ready("gone.md", "The lighthouse lamps are lit with zarnobodo.", MAX)
    shut = ready("shut.md", "The lighthouse lamps are kept by zarnogodo.", MAX)
    place = api(MAX).post("/api/v1/collections/", {"name": "Lamps", "open": False},
                          content_type="application/json").json()["id"]  # fmt: skip
    for key, word, act in (
        ("a", "zarnobodo", lambda: api(MAX).delete(f"/api/v1/documents/{gone.id}/")),
        ("b", "zarnogodo", lambda: api(MAX).patch(
            f"/api/v1/documents/{shut.id}/", {"collections": [place]}, "application/json")),
    ):  # fmt: skip
        assert word in begin(key, BOB, asked, path).content.decode()
        assert act().status_code in (200, 204)
        again = begin(key, BOB, asked, path)
        assert (again.status_code, code_of(again)) == (409, "idempotency_answer_not_kept")
        assert word not in again.content.decode()
    with entered(tenant_of(MAX)):
        answers_forget()
        assert not KeptAnswer.objects.exclude(body="").exists()


@pytest.mark.django_db(transaction=True)
def test_nor_is_one_of_a_conversation_that_was_deleted_or_of_a_group_that_was_left() -> None:
    ready("kiln.md", "The kiln of the pottery is called zarnokibo.", MAX)
    conversation = begin("new", BOB).json()["id"]
    path = f"{PATH}{conversation}/messages/"
    asked = {"text": "What is the kiln of the pottery called?"}
    assert "zarnokibo" in begin("said", BOB, asked, path).content.decode()
    assert begin("said", BOB, asked, path)[REPLAYED] == "true"
    assert api(BOB).delete(f"{PATH}{conversation}/").status_code == 204
    again = begin("said", BOB, asked, path)
    assert (again.status_code, code_of(again)) == (409, "idempotency_answer_not_kept")

    place = api(MAX).post("/api/v1/collections/", {"name": "Kilns", "open": False},
                          content_type="application/json").json()["id"]  # fmt: skip
    group = api(ADA).post("/api/v1/groups/", {"name": "Potters"},
                          content_type="application/json").json()["id"]  # fmt: skip
    shut = ready("shut.md", "The lid of the kiln is called zarnolibo.", MAX)
    api(MAX).patch(f"/api/v1/documents/{shut.id}/", {"collections": [place]}, "application/json")
    shared = api(MAX).put(f"/api/v1/collections/{place}/groups/{group}/", {"right": "read"},
                          "application/json")  # fmt: skip
    assert shared.status_code == 200
    member = f"/api/v1/groups/{group}/members/{user_of(BOB).id}/"
    looked, search = {"query": "lid of the kiln"}, "/api/v1/search/"
    for number, leave in enumerate((member, f"/api/v1/groups/{group}/")):
        assert api(ADA).put(member).status_code == 200
        assert "zarnolibo" in begin(f"in{number}", BOB, looked, search).content.decode()
        assert api(ADA).delete(leave).status_code == 204
        again = begin(f"in{number}", BOB, looked, search)
        assert (again.status_code, code_of(again)) == (409, "idempotency_answer_not_kept")


def test_after_a_day_a_key_is_new_and_what_was_kept_is_forgotten() -> None:
    first = begin("a").json()
    with entered(tenant_of(MAX)), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_keptanswer SET created_at = now() - interval '25 hours'")
    assert begin("a").json()["id"] != first["id"]
    with entered(tenant_of(MAX)), connection.cursor() as cursor:
        assert answers_forget() == 0
        cursor.execute("UPDATE accounts_keptanswer SET created_at = now() - interval '25 hours'")
        assert answers_forget() == 1


def test_a_claim_whose_process_died_lapses() -> None:
    begin("a")
    with entered(tenant_of(MAX)), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_keptanswer SET status = NULL")
        assert code_of(begin("a")) == "idempotency_in_progress"
        cursor.execute("UPDATE accounts_keptanswer SET claimed_until = now() - interval '1 s'")
    assert begin("a").status_code == 201
    assert count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_is_carried_out() -> None:
    answers: list[Any] = []

    def send() -> None:
        answers.append(begin("a", ADA))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.json()["id"] for answer in done}) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert count() == 1
