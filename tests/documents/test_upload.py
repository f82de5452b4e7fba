"""What is taken in, what is refused and with which code, and who may do it."""

import hashlib
import uuid
from urllib.parse import unquote

import pytest

from billing.catalog import plan_terms
from billing.storage import reserve_storage, stored_bytes
from billing.units import Metric
from documents.models import Document, LooseObject
from documents.tasks import objects_sweep
from tenants.context import entered
from tenants.objects import object_get
from tests.documents.helpers import HANDBOOK, ingested, upload
from tests.support import files
from tests.support.cast import ALICE, BOB, CHARLIE, MAX
from tests.support.clients import api, browser_of, code_of, stranger, tenant_of

pytestmark = pytest.mark.django_db

FORM = "multipart/form-data; boundary=b"
JSON = "application/json"


def test_an_upload_is_queued_and_its_bytes_are_stored() -> None:
    answer = upload("Travel policy.md", HANDBOOK)
    assert answer.status_code == 201
    body = answer.json()
    assert body["name"] == "Travel policy.md"
    assert body["media_type"] == "text/markdown"
    assert body["size"] == len(HANDBOOK.encode())
    assert body["sha256"] == hashlib.sha256(HANDBOOK.encode()).hexdigest()
    assert (body["status"], body["progress"], body["error"]) == ("queued", 0, None)
    assert body["url"] == f"/documents/{body['id']}/"
    with entered(tenant_of(MAX)):
        document = Document.objects.get(id=body["id"])
        assert object_get(document.object_key) == HANDBOOK.encode()
        assert stored_bytes() == document.size
        assert not LooseObject.objects.exists()


@pytest.mark.parametrize(
    ("name", "content", "pages"),
    [
        ("manual.pdf", files.long_pdf(3), 3),
        ("letter.docx", files.docx(["Bring your own mug."], heading="Kitchen"), 0),
        ("notes.md", HANDBOOK.encode(), 0),
        ("plain.txt", b"The gate opens at seven.", 0),
        ("page.html", b"<!doctype html><h1>Gate</h1><p>The gate opens at seven.</p>", 0),
        ("rows.csv", b"item,price\nrope,12\nharness,80\n", 0),
    ],
)
def test_every_format_becomes_ready(name: str, content: bytes, pages: int) -> None:
    answer = upload(name, content)
    assert answer.status_code == 201, answer.content
    document = ingested(answer.json()["id"])
    assert (document.status, document.progress, document.error) == ("ready", 1.0, "")
    assert document.pages == pages
    assert document.chunks > 0
    shown = api(BOB).get(f"/api/v1/documents/{document.id}/").json()
    assert (shown["status"], shown["progress"], shown["chunks"]) == ("ready", 1.0, document.chunks)


@pytest.mark.parametrize(
    ("name", "content", "status", "code"),
    [
        ("picture.png", files.png(), 415, "unsupported_type"),
        ("program.exe", b"MZ\x90\x00\x03", 415, "unsupported_type"),
        ("picture.pdf", files.png(), 415, "unsupported_type"),
        ("disguised.txt", files.long_pdf(1), 415, "unsupported_type"),
        ("noextension", b"words", 415, "unsupported_type"),
        ("empty.txt", b"", 422, "empty_file"),
        ("locked.docx", files.encrypted_docx(), 422, "encrypted_file"),
        ("large.txt", b"a" * (50 * 1024 * 1024 + 1), 413, "file_too_large"),
    ],
)
def test_a_refused_file_says_why_and_leaves_nothing(
    name: str, content: bytes, status: int, code: str
) -> None:
    answer = upload(name, content)
    assert answer.status_code == status
    assert code_of(answer) == code
    assert len(answer.json()["detail"]) > 20
    with entered(tenant_of(MAX)):
        assert not Document.objects.exists()
        assert stored_bytes() == 0


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("broken.pdf", files.corrupt_pdf(), "corrupt_file"),
        ("locked.pdf", files.encrypted_pdf(), "encrypted_file"),
        ("scan.pdf", files.scanned_pdf(), "no_text"),
        ("bomb.docx", files.zip_bomb_docx(), "archive_bomb"),
        ("blank.txt", b"  \n \n ", "no_text"),
    ],
)
def test_a_file_that_cannot_be_read_fails_with_a_reason(
    name: str, content: bytes, code: str
) -> None:
    document = ingested(upload(name, content).json()["id"])
    assert (document.status, document.error_code) == ("failed", code)
    shown = api(BOB).get(f"/api/v1/documents/{document.id}/").json()
    assert shown["error_code"] == code
    assert shown["error"] == document.error != ""
    assert ("(OCR) is not installed" in document.error) == (name == "scan.pdf"), "what helps"


def test_the_limit_stands_in_the_refusal() -> None:
    answer = upload("large.txt", b"a" * (50 * 1024 * 1024 + 1))
    assert "50 MB" in answer.json()["detail"]


def test_a_declared_size_is_refused_before_the_body_is_read() -> None:
    answer = api(MAX).generic(
        "POST",
        "/api/v1/documents/",
        b"--x--\r\n",
        content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH="900000000",
    )
    assert answer.status_code == 413
    assert code_of(answer) == "file_too_large"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\boot.txt", "boot.txt"),
        ("a\u202etxt.exe.txt", "atxt.exe.txt"),
        ("  spaces   in  it .txt", "spaces in it .txt"),
    ],
)
def test_hostile_names_are_made_safe(sent: str, kept: str) -> None:
    answer = api(MAX).generic("POST", "/api/v1/documents/", form(sent), content_type=FORM)
    assert answer.status_code == 201, answer.content
    assert answer.json()["name"] == kept


def form(name: str, content: bytes = b"The gate opens at seven.") -> bytes:
    """Return a form with a file, written by hand: Django's own client would clean the name."""
    return (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="'
        + name.replace("\\", "\\\\").encode()
        + b'"\r\n\r\n' + content + b"\r\n--b--\r\n"
    )  # fmt: skip


@pytest.mark.parametrize("stem", ["x" * 251, "\u8a18" * 251, "\N{OTTER}" * 125 + "x"])
def test_as_long_a_name_as_a_file_system_has_stays_whole(stem: str) -> None:
    name = f"{stem}.txt"
    answer = api(MAX).generic("POST", "/api/v1/documents/", form(name), content_type=FORM)
    assert answer.json()["name"] == name
    document = ingested(answer.json()["id"])
    asked = api(MAX).post("/api/v1/ask/", {"question": "When does the gate open?"}, JSON)
    assert asked.json()["citations"][0]["document_name"] == name
    browser = browser_of(MAX)
    assert name in browser.get(f"/documents/{document.id}/").content.decode()
    download = browser.get(f"/documents/{document.id}/original/")
    assert b"".join(download.streaming_content) == b"The gate opens at seven."
    _, _, told = download["Content-Disposition"].partition("=")
    assert unquote(told.removeprefix("utf-8''").strip('"')) == name


@pytest.mark.parametrize("name", ["x" * 252 + ".txt", "x." + "y" * 300, "x" * 800 + ".txt"])
@pytest.mark.parametrize("size", [10, 2 * 1024 * 1024])  # in memory, on the disk
def test_a_longer_name_is_refused_with_the_limit_and_not_cut(name: str, size: int) -> None:
    raw = form(name, b"x" * size)
    answer = api(MAX).generic("POST", "/api/v1/documents/", raw, content_type=FORM)
    assert (answer.status_code, code_of(answer)) == (422, "name_too_long")
    browser = browser_of(MAX)
    browser.generic("POST", "/documents/", raw, content_type=FORM)
    assert "at most 255 characters" in browser.get("/documents/").content.decode()
    assert api(MAX).get("/api/v1/documents/").json()["results"] == []


def test_storage_is_reserved_to_the_last_byte() -> None:
    size = len(HANDBOOK.encode())
    with entered(tenant_of(MAX)):
        included = plan_terms("growth").included[Metric.STORAGE]
        assert included is not None
        full = int(included) - size
        reserve_storage(full)
    assert upload("one.md", HANDBOOK).status_code == 201
    answer = upload("two.md", HANDBOOK)
    assert answer.status_code == 402
    assert code_of(answer) == "quota_exhausted"
    assert answer.json()["upgrade_url"]
    with entered(tenant_of(MAX)):
        assert Document.objects.count() == 1
        assert stored_bytes() == full + size
        objects_sweep()
        assert not LooseObject.objects.exists()


def test_a_missing_file_and_a_wrong_body_are_invalid() -> None:
    assert code_of(api(MAX).post("/api/v1/documents/", {})) == "invalid"
    answer = api(MAX).post("/api/v1/documents/", {"a": 1}, content_type="application/json")
    assert answer.status_code == 415
    answer = api(MAX).generic(
        "POST", "/api/v1/documents/", b"torn", content_type="multipart/form-data"
    )
    assert answer.status_code == 400


def test_an_unknown_collection_is_not_found() -> None:
    answer = upload("notes.md", HANDBOOK, collection=str(uuid.uuid4()))
    assert answer.status_code == 404
    with entered(tenant_of(MAX)):
        assert not Document.objects.exists()


def test_a_viewer_reads_and_does_not_write() -> None:
    answer = upload("notes.md", HANDBOOK, BOB)
    assert answer.status_code == 403
    assert code_of(answer) == "forbidden"
    document_id = upload("notes.md", HANDBOOK).json()["id"]
    assert api(BOB).get(f"/api/v1/documents/{document_id}/").status_code == 200
    assert api(BOB).delete(f"/api/v1/documents/{document_id}/").status_code == 403
    assert api(BOB).post(f"/api/v1/documents/{document_id}/retry/").status_code == 403
    browser = browser_of(BOB)
    assert browser.post("/documents/", {}).status_code == 403
    assert browser.post(f"/documents/{document_id}/delete/").status_code == 403


def test_a_stranger_gets_nothing() -> None:
    client = stranger(ALICE.host)
    assert client.get("/api/v1/documents/").status_code == 401
    assert client.post("/api/v1/documents/", {}).status_code == 401
    assert client.get("/documents/").status_code == 302


def test_another_workspace_sees_nothing_of_it() -> None:
    document_id = upload("notes.md", HANDBOOK).json()["id"]
    ingested(document_id)
    key, browser = api(CHARLIE), browser_of(CHARLIE)
    assert key.get("/api/v1/documents/").json()["results"] == []
    for path in (f"/api/v1/documents/{document_id}/", f"/api/v1/documents/{document_id}/text/"):
        assert key.get(path).status_code == 404
    assert key.delete(f"/api/v1/documents/{document_id}/").status_code == 404
    assert key.post(f"/api/v1/documents/{document_id}/retry/").status_code == 404
    for part in ("", "original/", "state/", "segments/0/"):
        assert browser.get(f"/documents/{document_id}/{part}").status_code == 404
    for part in ("delete/", "retry/"):
        assert browser.post(f"/documents/{document_id}/{part}").status_code == 404
    rows = browser.get("/documents/rows/", {"id": document_id})
    assert document_id not in rows.content.decode()
    assert api(MAX).get(f"/api/v1/documents/{document_id}/").json()["status"] == "ready"


def test_the_list_is_paged_newest_first() -> None:
    names = [f"note {number}.txt" for number in range(5)]
    for name in names:
        upload(name, f"This is {name}.")
    first = api(BOB).get("/api/v1/documents/", {"limit": 3}).json()
    second = api(BOB).get(first["next"]).json()
    assert [row["name"] for row in first["results"] + second["results"]] == names[::-1]
    assert second["next"] is None


def test_the_list_by_rest_is_kept_to_a_kind_and_a_time() -> None:
    for name in ("Handbook.md", "Handbook.txt"):
        assert upload(name, HANDBOOK if name.endswith("md") else f"{HANDBOOK}.").status_code == 201
    with entered(tenant_of(MAX)):
        at = Document.objects.get(name="Handbook.txt").created_at.isoformat()

    def names(**query: str) -> list[str]:
        answer = api(BOB).get("/api/v1/documents/", query)
        return [row["name"] for row in answer.json()["results"]]

    assert names(kind="markdown") == ["Handbook.md"]
    assert names(kind="pdf") == []
    assert names(added_from=at) == ["Handbook.txt"]
    assert names(added_before=at) == ["Handbook.md"]
    assert names(kind="text", added_before=at) == []
    for wrong in ({"kind": "leaf"}, {"added_from": "yesterday"}):
        refused = api(BOB).get("/api/v1/documents/", wrong)
        assert (refused.status_code, list(refused.json()["errors"])) == (400, list(wrong))
