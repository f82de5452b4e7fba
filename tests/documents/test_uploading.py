"""Large files in parts, straight to S3: cut off, gone on with, checked, completed once, swept."""

import hashlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from django.db import connection
from django.utils import timezone

from billing.catalog import plan_terms
from billing.storage import reserve_storage, stored_bytes
from billing.units import Metric
from documents.errors import UploadInterrupted
from documents.loose import loose_adopt, loose_give_back
from documents.models import Document, LooseObject, Upload
from documents.tasks import objects_sweep
from documents.uploading import DIRECT_BYTES, OPEN_AT_MOST, PART_BYTES
from tenants import multipart
from tenants.accounts.models import User
from tenants.context import entered, public_scope
from tenants.objects import object_get, tenant_objects_count, tenant_objects_erase
from tenants.registry.models import Status, Tenant
from tests.documents.helpers import ingested, text_of
from tests.documents.helpers import upload as upload_whole
from tests.support import files
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, MAX, Person
from tests.support.clients import api, browser_of, code_of, tenant_of, user_of

pytestmark = pytest.mark.django_db

UPLOADS = "/api/v1/documents/uploads/"
STARTS = int(os.environ.get("UPLOAD_STARTS", "8"))
LARGE = (
    b"<!doctype html><title>Handbook</title><p>A hotel room may cost at most 140 euros.</p><!--"
    + b" " * (PART_BYTES + 1000)
    + b"-->"
)


def post(path: str, body: Any, person: Person = MAX) -> Any:
    return api(person).post(path, json.dumps(body), content_type="application/json")


def begin(
    content: bytes = LARGE, name: str = "Handbook.html", person: Person = MAX, **more: Any
) -> dict[str, Any]:
    answer = post(UPLOADS, {"name": name, "size": len(content), **more}, person)
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def addresses(upload: dict[str, Any], *numbers: int) -> dict[int, str]:
    answer = post(f"{UPLOADS}{upload['id']}/parts/", {"numbers": numbers})
    assert answer.status_code == 200, answer.content
    return {part["number"]: part["url"] for part in answer.json()["parts"]}


def put(url: str, body: bytes) -> httpx.Response:
    return httpx.put(url, content=body, timeout=60, trust_env=False)


def piece(content: bytes, number: int) -> bytes:
    return content[(number - 1) * PART_BYTES : number * PART_BYTES]


def send(upload: dict[str, Any], content: bytes, *numbers: int) -> None:
    for number, url in addresses(upload, *numbers).items():
        assert put(url, piece(content, number)).status_code == 200


def complete(upload: dict[str, Any], person: Person = MAX, **body: Any) -> Any:
    return post(f"{UPLOADS}{upload['id']}/complete/", body, person)


@contextmanager
def acme() -> Iterator[None]:
    with entered(tenant_of(MAX)):
        yield


def nothing_left(upload: dict[str, Any]) -> None:
    """Assert that neither rows nor objects nor storage are left of an upload."""
    with acme():
        objects_sweep()
        assert not Document.objects.exists()
        assert not Upload.objects.exists()
        assert not LooseObject.objects.exists()
        assert stored_bytes() == 0
        assert object_get(f"documents/{upload['id']}/original") is None


def test_parts_become_a_document_once() -> None:
    upload = begin(sha256=hashlib.sha256(LARGE).hexdigest())
    assert [part["size"] for part in upload["parts"]] == [PART_BYTES, len(LARGE) - PART_BYTES]
    with acme():
        assert stored_bytes() == len(LARGE)  # before a byte of it was sent
    urls = addresses(upload, 2, 1)
    etags = {n: put(url, piece(LARGE, n)).headers["ETag"] for n, url in urls.items()}
    parts = [{"number": number, "etag": etag} for number, etag in etags.items()]
    made = complete(upload, parts=parts)
    assert made.status_code == 201, made.content
    again = complete(upload, parts=parts)
    assert (again.status_code, again.json()["id"]) == (201, upload["id"])
    assert code_of(post(f"{UPLOADS}{upload['id']}/complete/", {}, ADA)) == "upload_gone"
    document = ingested(upload["id"])
    assert (document.status, document.sha256) == ("ready", hashlib.sha256(LARGE).hexdigest())
    assert "140 euros" in text_of(document)
    with acme():
        assert stored_bytes() == len(LARGE)
        assert (Document.objects.count(), Upload.objects.count()) == (1, 0)
        assert not LooseObject.objects.exists()
        assert multipart.parts_there(document.object_key, "over") is None
    page = browser_of(BOB).get(f"/documents/{document.id}/original/")
    assert hashlib.sha256(page.getvalue()).hexdigest() == document.sha256
    assert code_of(complete(begin(b"ab"), parts=[])) == "upload_incomplete"


def test_an_upload_that_is_begun_again_under_its_key_is_one() -> None:
    key = {"Idempotency-Key": "one-file"}
    body = json.dumps({"name": "Handbook.html", "size": len(LARGE)})
    both = [
        api(MAX).post(UPLOADS, body, content_type="application/json", headers=key) for _ in range(2)
    ]
    assert both[0].json() == both[1].json()
    with acme():
        assert stored_bytes() == len(LARGE)


@pytest.mark.django_db(transaction=True)
def test_uploads_at_once_reserve_no_more_than_is_left(capsys: Any) -> None:
    with acme():
        included = plan_terms(tenant_of(MAX).plan).included[Metric.STORAGE]
        assert included is not None
        reserve_storage(int(included) - 3 * DIRECT_BYTES - 1)
    codes: list[int] = []

    def beginning() -> None:
        answer = post(UPLOADS, {"name": "A.md", "size": DIRECT_BYTES})
        codes.append(answer.status_code)
        connection.close()

    threads = [threading.Thread(target=beginning) for _ in range(STARTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [201] * 3 + [402] * (STARTS - 3)
    with acme():
        over = stored_bytes() - (int(included) - 1)
    with capsys.disabled():
        print(f"\n{STARTS} uploads in parts begun at once, room for 3: {int(over)} bytes over")
    assert over == 0
    with acme():
        for upload in Upload.objects.all():
            multipart.multipart_abort(upload.loose_id, upload.s3_id)


@pytest.mark.django_db(transaction=True)
def test_completed_by_two_tabs_at_once_it_is_one_document() -> None:
    upload = begin()
    send(upload, LARGE, 1, 2)
    answers: list[tuple[int, str]] = []

    def completing() -> None:
        answer = complete(upload)
        answers.append((answer.status_code, answer.json().get("id") or code_of(answer)))
        connection.close()

    threads = [threading.Thread(target=completing) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (201, upload["id"]) in answers
    assert set(answers) <= {(201, upload["id"]), (409, "upload_busy")}
    with acme():
        assert Document.objects.count() == 1
        assert stored_bytes() == len(LARGE)


def test_an_upload_that_was_cut_off_in_mid_part_goes_on_with_what_is_missing() -> None:
    upload = begin()
    send(upload, LARGE, 2)
    url = urlsplit(addresses(upload, 1)[1])
    with socket.create_connection((url.hostname, url.port)) as connection:
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n"
        connection.sendall(f"{head}Content-Length: {PART_BYTES}\r\n\r\n".encode() + b"x" * 100_000)
    seen = api(MAX).get(f"{UPLOADS}{upload['id']}/").json()
    assert [part["number"] for part in seen["parts"] if part["etag"] is None] == [1]
    assert [each["id"] for each in api(MAX).get(UPLOADS).json()] == [upload["id"]]
    refused = complete(upload)
    assert (code_of(refused), refused.json()["missing"]) == ("upload_incomplete", [1])
    send(upload, LARGE, 1)
    wrong = complete(upload, parts=[{"number": 1, "etag": '"0"'}])
    assert wrong.json()["missing"] == [1]
    assert complete(upload).status_code == 201


def test_an_address_is_good_for_one_part_of_one_size_and_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upload = begin()
    url = addresses(upload, 2)[2]
    tail = piece(LARGE, 2)
    for wrong, body in (
        (url, tail + b"more"),
        (url, tail[:-1]),
        (url.replace("partNumber=2", "partNumber=1"), tail),
        (url.replace(upload["id"], str(tenant_of(CHARLIE).id)), tail),
    ):
        answer = put(wrong, body)
        assert answer.status_code == 403
        assert "<Code>SignatureDoesNotMatch</Code>" in answer.text
    monkeypatch.setattr(multipart, "ADDRESS_SECONDS", -1)
    late = put(addresses(upload, 2)[2], tail)
    assert (late.status_code, "Request has expired" in late.text) == (403, True)
    assert put(url, tail).status_code == 200
    assert code_of(post(f"{UPLOADS}{upload['id']}/parts/", {"numbers": [3]})) == "upload_incomplete"


def test_an_upload_is_its_users_and_its_workspaces() -> None:
    upload = begin()
    path = f"{UPLOADS}{upload['id']}/"
    for person in (ADA, CHARLIE):
        for answer in (
            api(person).get(path),
            api(person).delete(path),
            post(f"{path}parts/", {"numbers": [1]}, person),
            post(f"{path}complete/", {}, person),
        ):
            assert (answer.status_code, code_of(answer)) == (404, "upload_gone")
    assert code_of(post(UPLOADS, {"name": "A.md", "size": 5}, BOB)) == "forbidden"
    assert api(ADA).get(UPLOADS).json() == []
    with acme():
        kept = Upload.objects.get()
    with entered(tenant_of(CHARLIE)):  # S3's own id is of another key there
        assert multipart.parts_there(kept.loose_id, kept.s3_id) is None
        url = multipart.part_address(kept.loose_id, kept.s3_id, 1, 5)
    assert put(url, b"12345").status_code == 404


@pytest.mark.parametrize(
    ("content", "name", "more", "code"),
    [
        (LARGE, "Handbook.html", {"sha256": "0" * 64}, "upload_damaged"),
        (files.png() + b"\0" * 100, "Handbook.pdf", {}, "unsupported_type"),
    ],
)
def test_what_is_not_the_file_that_was_announced_is_not_kept(
    content: bytes, name: str, more: dict[str, str], code: str
) -> None:
    upload = begin(content, name, **more)
    send(upload, content, *range(1, len(upload["parts"]) + 1))
    assert code_of(complete(upload)) == code
    nothing_left(upload)
    assert code_of(complete(upload)) == "upload_gone"


def test_what_is_given_up_or_forgotten_is_free_again() -> None:
    upload = begin()
    send(upload, LARGE, 1)
    assert api(MAX).delete(f"{UPLOADS}{upload['id']}/").status_code == 204
    nothing_left(upload)
    forgotten = begin()
    send(forgotten, LARGE, 1)
    with acme():
        s3_id = Upload.objects.get().s3_id
        LooseObject.objects.update(remove_after=timezone.now() - timedelta(seconds=1))
    assert code_of(complete(forgotten)) == "upload_gone"
    nothing_left(forgotten)
    with acme():
        assert multipart.parts_there(f"documents/{forgotten['id']}/original", s3_id) is None


def test_while_it_is_completed_it_can_be_neither_cancelled_nor_completed_and_then_again() -> None:
    upload = begin()
    send(upload, LARGE, 1, 2)
    with acme():
        Upload.objects.update(claimed_until=timezone.now() + timedelta(minutes=1))
    busy = complete(upload)
    assert (code_of(busy), busy["Retry-After"]) == ("upload_busy", "2")
    assert code_of(api(MAX).delete(f"{UPLOADS}{upload['id']}/")) == "upload_busy"
    with acme():  # the process that held it died
        Upload.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert complete(upload).status_code == 201


def test_storage_that_was_given_back_is_taken_over_by_no_document() -> None:
    upload = begin()
    with acme():
        key = f"documents/{upload['id']}/original"
        loose_give_back(key)
        with pytest.raises(UploadInterrupted):
            loose_adopt(key)
    assert code_of(complete(upload)) == "upload_gone"


def test_what_is_here_already_waits_to_be_wanted_all_the_same() -> None:
    assert upload_whole("First.html", LARGE).status_code == 201
    told = {"name": "A.md", "size": len(LARGE), "keep_both": False}
    known = post(UPLOADS, {**told, "sha256": hashlib.sha256(LARGE).hexdigest()})
    assert code_of(known) == "duplicate"
    upload = begin(keep_both=False)
    send(upload, LARGE, 1, 2)
    refused = complete(upload)
    assert (code_of(refused), refused.json()["document_name"]) == ("duplicate", "First.html")
    seen = api(MAX).get(f"{UPLOADS}{upload['id']}/").json()
    assert (seen["joined"], seen["parts"]) == (True, [])
    assert complete(upload, keep_both=True).status_code == 201
    other = begin(keep_both=False)
    send(other, LARGE, 1, 2)
    assert code_of(complete(other)) == "duplicate"
    assert api(MAX).delete(f"{UPLOADS}{other['id']}/").status_code == 204
    with acme():
        objects_sweep()
        assert stored_bytes() == 2 * len(LARGE)
        assert object_get(f"documents/{other['id']}/original") is None


def test_what_is_lost_meanwhile_is_refused() -> None:
    body = {"name": "Ours", "open": False}
    held = post("/api/v1/collections/", body, ALICE).json()["id"]
    shared = f"/api/v1/collections/{held}/members/{user_of(MAX).id}/"
    right = json.dumps({"right": "add"})
    assert api(ALICE).put(shared, right, content_type="application/json").status_code == 200
    upload = begin(collection=held)
    send(upload, LARGE, 1, 2)
    assert api(ALICE).delete(shared).status_code == 204
    ways = (
        lambda: post(f"{UPLOADS}{upload['id']}/parts/", {"numbers": [1]}),
        lambda: complete(upload),
    )
    assert [way().status_code for way in ways] == [404, 404]
    with acme():
        assert (Document.objects.count(), stored_bytes()) == (0, len(LARGE))
        User.objects.filter(email=MAX.email).update(role="viewer")
    assert [way().status_code for way in ways] == [403, 403]
    with public_scope("staff"):
        Tenant.objects.filter(slug=MAX.workspace).update(status=Status.SUSPENDED)
    assert [way().status_code for way in ways] == [404, 404]


def test_refusals_come_before_anything_is_sent(settings: Any) -> None:
    for name, size, code in (
        ("A.exe", 10, "unsupported_type"),
        ("A.md", 0, "empty_file"),
        ("A.md", DIRECT_BYTES + 1, "file_too_large"),
        ("\u200b", 10, "bad_name"),
        ("x" * 253 + ".md", 10, "name_too_long"),
    ):
        assert code_of(post(UPLOADS, {"name": name, "size": size})) == code
    with acme():
        assert (stored_bytes(), LooseObject.objects.count()) == (0, 0)
    longest = "\u8a18" * 252 + ".md"
    for _ in range(OPEN_AT_MOST):
        made = post(UPLOADS, {"name": longest, "size": 1})
        assert (made.status_code, made.json()["name"]) == (201, longest)
    assert code_of(post(UPLOADS, {"name": "A.md", "size": 1})) == "uploads_open"
    settings.UPLOADS_DIRECT_FROM = 0
    assert code_of(post(UPLOADS, {"name": "A.md", "size": 1}, ADA)) == "uploads_off"


def test_open_uploads_of_a_workspace_that_leaves_go_with_it() -> None:
    leaving, key = replace(tenant_of(CHARLIE), id=uuid4()), "documents/a/original"
    with entered(leaving):
        s3_id = multipart.multipart_begin(key)
        assert tenant_objects_count(leaving) == 1
        assert tenant_objects_erase(leaving) == 1
        assert tenant_objects_count(leaving) == 0
        assert multipart.parts_there(key, s3_id) is None


def test_the_page_may_send_to_the_workspaces_own_documents_alone(
    settings: Any,
) -> None:
    def allowed(person: Person, path: str) -> str:
        policy = browser_of(person).get(path).headers["Content-Security-Policy"]
        (found,) = [each for each in policy.split("; ") if each.startswith("connect-src")]
        return str(found)

    begun = begin()
    folder = f"/tenants/{tenant_of(MAX).id}/documents/"
    address = addresses(begun, 1)[1].partition(folder)[0]
    assert allowed(MAX, "/documents/") == f"connect-src 'self' {address}{folder}"
    page = browser_of(MAX).get("/documents/").content.decode()
    assert "up to 200 MB each" in page
    assert "Files of 16 MB and more are sent in parts" in page
    assert "data-unfinished" in page
    for person, path in ((MAX, "/search/"), (BOB, "/documents/")):
        assert allowed(person, path) == "connect-src 'self'"
    settings.UPLOADS_DIRECT_FROM = 0
    assert allowed(MAX, "/documents/") == "connect-src 'self'"
    assert "up to 50 MB each" in browser_of(MAX).get("/documents/").content.decode()
