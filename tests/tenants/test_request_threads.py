"""Requests share the process's threads fairly, and leave nothing in them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from contextvars import copy_context
from io import BytesIO
from threading import Event
from typing import Any

import httpx
import pytest
from django.db import connection
from django.http import HttpResponse

from config.asgi import application
from config.handling import OF_ONE_HOST, Handler, Turns, _threads
from tenants.afterwards import afterwards
from tenants.context import current_or_none
from tests.support.cast import ALICE, CHARLIE, Person
from tests.support.clients import browser_of

pytestmark = pytest.mark.django_db(transaction=True)


def aside(work: Any) -> Any:
    """Run a coroutine in another thread: Playwright's loop may run in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result()


def test_one_host_has_its_share_and_the_next_is_let_in_before_it() -> None:
    async def crowded() -> list[str]:
        turns, done, leave = Turns(2), [], asyncio.Event()

        async def request(host: bytes, name: str, last: bool = False) -> None:
            async with turns.turn(host):
                done.append(name)
                if not last:
                    await leave.wait()

        noisy = [asyncio.create_task(request(b"noisy", f"noisy-{n}")) for n in range(5)]
        await asyncio.sleep(0)
        await asyncio.create_task(request(b"quiet", "quiet", last=True))
        assert done == ["noisy-0", "noisy-1", "quiet"]
        noisy[2].cancel()
        leave.set()
        await asyncio.gather(*noisy, return_exceptions=True)
        assert not turns._going and not turns._waiting, "nothing is left of either"
        return done

    assert aside(crowded) == ["noisy-0", "noisy-1", "quiet", "noisy-3", "noisy-4"]


def test_a_host_whose_threads_are_all_busy_waits_however_it_is_written() -> None:
    async def crowded() -> None:
        handler = Handler()

        async def asked(person: Person, host: str) -> int:
            headers = {"Host": host, "Authorization": f"Bearer {person.key}"}
            transport = httpx.ASGITransport(handler)
            async with httpx.AsyncClient(transport=transport, base_url="http://any") as client:
                return (await client.get("/api/v1/usage/", headers=headers)).status_code

        async with AsyncExitStack() as busy:
            for _ in range(OF_ONE_HOST):
                await busy.enter_async_context(handler.turns.turn(ALICE.host.encode()))
            assert await asked(CHARLIE, CHARLIE.host) == 200
            waiting = asyncio.create_task(asked(ALICE, ALICE.host.upper()))
            await asyncio.wait({waiting}, timeout=0.5)
            assert list(handler.turns._waiting) == [ALICE.host.encode()] and not waiting.done()
        assert await waiting == 200

    aside(crowded)


def test_a_turn_that_comes_to_who_has_just_left_goes_to_the_next() -> None:
    async def left() -> None:
        turns = Turns(1)

        async def request() -> None:
            async with turns.turn(b"noisy"):
                pass

        async with turns.turn(b"noisy"):
            first, second = (asyncio.create_task(request()) for _ in range(2))
            await asyncio.sleep(0)
        first.cancel()  # its turn has come, and it does not know yet
        await asyncio.wait_for(second, 10)
        assert first.cancelled() and not turns._going

    aside(left)


def test_a_request_leaves_neither_connection_nor_tenant_in_its_thread() -> None:
    async def asked() -> None:
        transport = httpx.ASGITransport(application)
        headers = {"Host": ALICE.host, "Authorization": f"Bearer {ALICE.key}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://any", headers=headers
        ) as client:
            for path, status in (("/api/v1/usage/", 200), ("/nothing/", 404)):
                assert (await client.get(path)).status_code == status
            text = {"task": "rewrite", "text": "Please send it back."}
            events = {"Accept": "text/event-stream"}
            streamed = await client.post("/api/v1/write/", json=text, headers=events)
            assert "event: finished" in streamed.text
        assert current_or_none() is None

    aside(asked)

    def left() -> tuple[Any, ...]:
        ours: Any = connection  # the backend's, which has the tenant
        return ours.connection, getattr(ours.tenant, "tenant", None), current_or_none()

    assert _threads.submit(left).result() == (None, None, None)


def test_an_answer_is_told_before_what_may_be_done_afterwards() -> None:
    told: list[str] = []

    def work() -> None:
        told.append("work")
        raise OSError  # is logged, and keeps nothing else from being done

    def view(request: Any) -> HttpResponse:
        response = HttpResponse("fine")
        response._resource_closers.append(lambda: told.append("closed"))
        for _ in range(2):
            afterwards(work)
        with ThreadPoolExecutor(1) as thread:  # that of another may outlive the request
            thread.submit(copy_context().run, afterwards, lambda: told.append("aside")).result()
        return response

    handler, body = Handler(), BytesIO()
    handler._middleware_chain = view
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    handler._answered(scope, body, lambda response: told.append("answer"))
    assert told == ["aside", "answer", "closed", "work", "work"] and body.closed
    with pytest.raises(OSError):
        afterwards(work)  # of no request: at once


def test_a_host_keeps_its_turn_until_its_thread_is_free_and_failures_are_heard() -> None:
    close = Event()

    def slow(request: Any) -> HttpResponse:
        response = HttpResponse("fine")
        response._resource_closers.append(lambda: close.wait(20))
        return response

    def broken(request: Any) -> HttpResponse:
        raise OSError("before any answer")

    async def asked() -> None:
        handler, sent = Handler(), []
        scope = {"type": "http", "method": "GET", "path": "/",
                 "headers": [(b"host", b"slow.localhost")]}  # fmt: skip

        async def receive() -> Any:
            return {"type": "http.request", "body": b""}

        async def send(message: Any) -> None:
            sent.append(message)

        handler._middleware_chain = slow
        await handler(scope, receive, send)
        assert sent[-1]["body"] == b"fine", "the answer has gone out"
        assert handler.turns._going == {b"slow.localhost": 1} and handler._working
        close.set()
        await asyncio.wait(handler._working, timeout=20)
        assert not handler.turns._going

        handler._middleware_chain = broken
        with pytest.raises(OSError, match="before any answer"):
            await handler(scope, receive, send)
        assert not handler.turns._going

    aside(asked)


def test_a_streamed_answer_holds_no_connection_while_it_is_sent() -> None:
    session = browser_of(ALICE).cookies["session"].value
    scope = {"type": "http", "method": "GET", "path": "/settings/audit/export/",
             "query_string": b"format=csv", "headers": [
                 (b"host", ALICE.host.encode()), (b"cookie", f"session={session}".encode())
             ]}  # fmt: skip

    def answered() -> tuple[Any, Any]:
        told: list[Any] = []
        Handler()._answered(scope, BytesIO(), told.append)
        return told[0], connection.connection

    async def read(response: Any) -> bytes:
        return b"".join([part async for part in response])

    with ThreadPoolExecutor(1) as thread:
        response, held = thread.submit(answered).result()
        assert response.streaming and held is None
        assert b"audit.export" in aside(lambda: read(response))
        thread.submit(response.close).result()
