"""What every answer carries for the browser, and what is logged of those who are refused."""

import logging
import subprocess
import sys

import pytest

from config.stack.options import REPOSITORY
from tests.support.cast import ALICE, BOB, PASSWORD
from tests.support.clients import api, signed_in, stranger
from tests.support.services import Worker

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/", "/documents/", "/search/", "/settings/members/"])
def test_a_page_of_a_signed_in_person_stays_in_no_cache(path: str) -> None:
    assert "no-store" in signed_in(ALICE).get(path)["Cache-Control"]


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
        await talk.wait(60)
        return dict(start["headers"])

    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as aside:
        headers = aside.submit(lambda: asyncio.run(fetched())).result()
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert b"object-src 'none'" in headers[b"content-security-policy"]


def test_no_file_is_looked_for_at_other_addresses() -> None:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor
    from typing import Any

    from config.static import with_static

    reached: list[str] = []

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        reached.append(scope["path"])

    async def asked(path: str) -> None:
        over = ThreadPoolExecutor(1)
        over.shutdown()
        asyncio.get_running_loop().set_default_executor(over)  # where files are looked for
        scope = {"type": "http", "method": "GET", "path": path, "headers": []}
        await with_static(application)(scope, None, None)

    with ThreadPoolExecutor(1) as aside:
        aside.submit(lambda: asyncio.run(asked("/api/v1/write/"))).result()
        assert reached == ["/api/v1/write/"]
        with pytest.raises(RuntimeError):
            aside.submit(lambda: asyncio.run(asked("/static/icons.svg"))).result()


def test_signing_in_gives_a_new_session_and_a_cookie_for_this_host_alone() -> None:
    client = stranger(ALICE.host)
    form = {"email": ALICE.email, "password": PASSWORD}
    first = client.post("/sign-in/", form).cookies["session"].value
    second = client.post("/sign-in/", form).cookies["session"]
    assert first != second.value
    assert second["httponly"]
    assert second["samesite"] == "Lax"
    assert not second["domain"]


def test_a_session_that_was_planted_before_signing_in_is_not_taken_up() -> None:
    """Fixation: who set a browser's cookie knows nothing of the session that signs in."""
    client = stranger(ALICE.host)
    planted = signed_in(BOB).cookies["session"].value  # a real one, of somebody else
    for value in ("a" * 32, planted):
        client.cookies["session"] = value
        answer = client.post("/sign-in/", {"email": ALICE.email, "password": PASSWORD})
        assert answer.cookies["session"].value != value
        fixed = stranger(ALICE.host)
        fixed.cookies["session"] = value
        page = fixed.get("/settings/members/")
        assert page.status_code == 302 or ALICE.email not in page.context["user"].email


def test_over_https_cookies_are_of_this_host_alone_and_never_travel_without_it(
    worker: Worker,
) -> None:
    """By the settings of a deployment behind TLS, in a process of its own."""
    program = (
        "import django; django.setup()\n"
        "from django.test import Client\n"
        f"client = Client(headers={{'Host': {ALICE.host!r}}})\n"
        "client.get('/sign-in/', secure=True)\n"
        f"form = {{'email': {ALICE.email!r}, 'password': {PASSWORD!r}}}\n"
        "answer = client.post('/sign-in/', form, secure=True)\n"
        "assert answer.status_code == 302, answer.content\n"
        "print(client.cookies.output(header=''))\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        env={**worker.environment("app"), "PUBLIC_SCHEME": "https"},
        cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=120,
    ).stdout  # fmt: skip
    cookies = {line.split("=")[0].strip(): line.lower() for line in told.strip().splitlines()}
    assert {"__Host-session", "__Host-csrf"} <= set(cookies)
    for cookie in cookies.values():
        parts = [part.strip() for part in cookie.split(";")]
        assert "secure" in parts and "path=/" in parts and "samesite=lax" in parts
        assert not any(part.startswith("domain") for part in parts)
    assert "httponly" in cookies["__Host-session"]


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
