"""What every answer carries for the browser, and what is logged of those who are refused."""

import logging

import pytest

from tests.support.cast import ALICE, BOB, PASSWORD
from tests.support.clients import api, browser_of, stranger

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/", "/documents/", "/search/", "/settings/members/"])
def test_a_page_of_a_signed_in_person_stays_in_no_cache(path: str) -> None:
    assert "no-store" in browser_of(ALICE).get(path)["Cache-Control"]


@pytest.mark.parametrize(
    ("host", "path"),
    [(ALICE.host, "/sign-in/"), (ALICE.host, "/nothing/"), ("localhost", "/"),
     ("localhost", "/admin/login/"), (ALICE.host, "/api/v1/usage/"), (ALICE.host, "/healthz")],
)  # fmt: skip
def test_every_answer_carries_the_headers_that_protect(host: str, path: str) -> None:
    answer = stranger(host).get(path)
    policy = answer["Content-Security-Policy"]
    for directive in ("object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert directive in policy
    assert "Access-Control-Allow-Origin" not in answer
    if path != "/healthz":  # answered before anything else
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "same-origin"


def test_a_static_file_carries_them_too() -> None:
    import asyncio

    from asgiref.testing import ApplicationCommunicator

    from config.asgi import application

    async def fetched() -> dict[bytes, bytes]:
        scope = {"type": "http", "method": "GET", "path": "/static/icons.svg", "headers": [],
                 "query_string": b"", "raw_path": b"/static/icons.svg", "http_version": "1.1",
                 "scheme": "http", "root_path": ""}  # fmt: skip
        talk = ApplicationCommunicator(application, scope)
        await talk.send_input({"type": "http.request", "body": b""})
        start = await talk.receive_output(5)
        assert start["status"] == 200
        while (await talk.receive_output(5)).get("more_body"):
            pass  # to its end, where the file is closed
        await talk.wait(5)
        return dict(start["headers"])

    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as aside:
        headers = aside.submit(lambda: asyncio.run(fetched())).result()
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert b"object-src 'none'" in headers[b"content-security-policy"]


def test_signing_in_gives_a_new_session_and_a_cookie_for_this_host_alone() -> None:
    client = stranger(ALICE.host)
    form = {"email": ALICE.email, "password": PASSWORD}
    first = client.post("/sign-in/", form).cookies["session"].value
    second = client.post("/sign-in/", form).cookies["session"]
    assert first != second.value
    assert second["httponly"]
    assert second["samesite"] == "Lax"
    assert not second["domain"]


def test_refusals_are_logged_without_what_was_typed(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        form = {"email": ALICE.email, "password": "not the password at all"}
        assert stranger(ALICE.host).post("/sign-in/", form).status_code == 422
        assert (
            api(BOB).patch("/api/v1/safety/", {}, content_type="application/json").status_code
            == 403
        )
    said = caplog.text
    assert "sign_in.refused" in said
    assert "access.refused" in said
    assert "not the password at all" not in said
    assert BOB.key not in said
