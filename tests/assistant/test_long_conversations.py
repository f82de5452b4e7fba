"""Long conversations: the newest messages at once, the others when they are come for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from playwright.sync_api import Locator, Page, Route, expect

from assistant.models import Message
from assistant.stretches import AROUND, FIRST, MORE
from tests.assistant.longtalk import another_answer, long_conversation
from tests.assistant.talking import Server
from tests.assistant.test_browser import sign_in
from tests.support.browser import PHONE, check, settled
from tests.support.cast import ADA, MAX, Person
from tests.support.clients import api, browser_of
from tests.support.localaws import LocalAws

if TYPE_CHECKING:
    OpenPage = Callable[..., AbstractContextManager[Page]]

pytestmark = pytest.mark.django_db(transaction=True)
MESSAGE = re.compile(r'<article class="message [^>]*data-message="([^"]+)"')


def shown_on(address: str, person: Person = MAX) -> tuple[list[str], str]:
    """Return the ids of the messages on a page, and the page."""
    page = browser_of(person).get(address).content.decode()
    return MESSAGE.findall(page.split("<template")[0]), page


def ids(messages: list[Message]) -> list[str]:
    return [str(message.id) for message in messages]


def reached(home: str, person: Person = MAX) -> set[str]:
    """Return the ids of the messages that links to earlier ones lead to, the first page's too."""
    shown, page = shown_on(home, person)
    seen = set(shown)
    for _ in range(30):
        found = re.findall(r'href="([^"#]+)#m-[^"]+" data-gap-up', page)
        if not found:
            break
        shown, page = shown_on(found[0], person)
        seen |= set(shown)
    return seen


def share(conversation: UUID) -> str:
    """Let Max share the conversation; return where it is read."""
    sent = browser_of(MAX).post(f"/assistant/{conversation}/share/", {"shared": "1"})
    assert sent.status_code == 302
    return f"/assistant/shared/{conversation}/"


def cost(address: str, person: Person = MAX) -> tuple[int, int]:
    """Return how many statements about conversations a page takes, and what rows they give."""
    taken: list[int] = []

    def noted(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        found = execute(sql, params, many, context)
        if "assistant_" in sql:
            taken.append(max(0, context["cursor"].rowcount))
        return found

    browser = browser_of(person)
    with connection.execute_wrapper(noted):
        assert browser.get(address).status_code == 200
    return len(taken), sum(taken)


def test_a_page_costs_as_much_of_a_long_conversation_as_of_a_longer_one() -> None:
    short, _ = long_conversation(FIRST + 6)
    long, _ = long_conversation(300)
    assert cost(f"/assistant/{long}/") == cost(f"/assistant/{short}/")


def test_all_of_a_conversation_is_reached_by_links_alone() -> None:
    conversation, made = long_conversation(100)
    home = f"/assistant/{conversation}/"
    assert shown_on(home)[0] == ids(made[-FIRST:])
    assert shown_on(f"{home}?whole")[0] == ids(made)
    assert reached(home) == set(ids(made))


def test_what_is_shared_is_read_in_the_same_stretches() -> None:
    short, _ = long_conversation(FIRST + 6)
    conversation, made = long_conversation(100)
    other = another_answer(made[9], "It told otherwise before.")
    home, order = share(conversation), ids(made)
    assert cost(home, ADA) == cost(share(short), ADA)
    shown, page = shown_on(home, ADA)
    assert shown == order[-FIRST:]
    assert 'href="?whole"' in page
    assert f"/assistant/{conversation}/" not in page  # its owner's
    whole, page = shown_on(f"{home}?whole", ADA)
    assert whole == order
    assert 'href="?whole"' not in page
    around, page = shown_on(f"{home}?message={order[20]}", ADA)
    assert around == [*order[20 - AROUND : 21 + AROUND], *order[-FIRST:]]
    assert f'id="m-{order[20]}"' in page
    assert reached(home, ADA) == set(order)
    for astray in (other.id, uuid4(), "nonsense"):
        shown, page = shown_on(f"{home}?message={astray}", ADA)
        assert shown == order[-FIRST:]
        assert "no such message" in page
        assert "otherwise" not in page


def test_stretches_fill_a_gap_from_both_sides() -> None:
    conversation, made = long_conversation(100)
    order = ids(made)
    home = f"/assistant/{conversation}/"
    shown, _ = shown_on(f"{home}?message={order[20]}")
    assert shown == [*order[20 - AROUND : 21 + AROUND], *order[-FIRST:]]
    above, below = 20 + AROUND, 100 - FIRST
    up, page = shown_on(f"{home}messages/?before={order[below]}&until={order[above]}")
    assert up == order[below - MORE : below]
    assert "data-gap" in page
    below -= MORE
    down, page = shown_on(f"{home}messages/?after={order[above]}&until={order[below]}")
    assert down == order[above + 1 : min(above + 1 + MORE, below)]
    above += len(down)
    last, page = shown_on(f"{home}messages/?before={order[below]}&until={order[above]}")
    assert last == order[above + 1 : below]
    assert "data-gap" not in page


def test_a_message_that_is_not_on_the_shown_branch_is_told_of() -> None:
    conversation, made = long_conversation(60)
    other = another_answer(made[9], "It told otherwise before.")
    home = f"/assistant/{conversation}/"
    shown, page = shown_on(f"{home}?message={other.id}")
    assert shown == ids(made[-FIRST:])
    assert "another version of this conversation" in page
    assert f'value="{other.id}"' in page
    for wrong in (uuid4(), "nonsense", ""):
        shown, page = shown_on(f"{home}?message={wrong}")
        assert shown == ids(made[-FIRST:])
        assert "no such message" in page
    max_ = browser_of(MAX)
    for query in (f"before={uuid4()}", "before=x", f"after={other.id}&until={made[-1].id}"):
        assert max_.get(f"{home}messages/?{query}").status_code == 404
    assert browser_of(ADA).get(f"{home}messages/?before={made[9].id}").status_code == 404
    chosen = max_.post(f"{home}choose/", {"message_id": other.id})
    assert chosen["Location"] == f"{home}?message={other.id}#m-{other.id}"
    shown, page = shown_on(chosen["Location"].partition("#")[0])
    assert shown == ids([*made[:9], other])
    assert "2/2" in page


def test_a_search_of_conversations_leads_to_the_message() -> None:
    conversation, made = long_conversation(60)
    rows = browser_of(MAX).get("/assistant/list/?q=herd_10 zebras").content.decode()
    assert f"/assistant/{conversation}/?message={made[9].id}#m-{made[9].id}" in rows
    assert (
        f'/assistant/{conversation}/"' in browser_of(MAX).get("/assistant/list/").content.decode()
    )
    whole = api(MAX).get(f"/api/v1/conversations/{conversation}/").json()
    assert [each["id"] for each in whole["messages"]] == ids(made)


class Held:
    """Requests for messages of a page, answered when they are let go."""

    def __init__(self, page: Page) -> None:
        self.routes: list[Route] = []
        self.free = False
        page.route("**/messages/?*", self.take)

    def take(self, route: Route) -> None:
        if self.free:
            route.continue_()
        else:
            self.routes.append(route)

    def let_go(self) -> None:
        self.free = True
        for route in self.routes:
            route.continue_()


PLACES = """() => Object.fromEntries([...document.querySelectorAll("[data-thread] > .message")]
  .map((each) => [each.id, each.getBoundingClientRect()])
  .filter(([, { top, bottom }]) => bottom > 100 && top < innerHeight - 200)
  .map(([id, { top }]) => [id, Math.round(top)]))"""
MORE_THAN = "(n) => document.querySelectorAll('[data-thread] > .message').length > n"
COUNT = "document.querySelectorAll('*').length"


def in_sight(message: Locator) -> None:
    expect(message).to_be_in_viewport()
    message.page.wait_for_function(
        "([id]) => { const { top } = document.getElementById(id).getBoundingClientRect();"
        " return top > 0 && top < innerHeight / 2; }",
        arg=[message.get_attribute("id")],
    )


@pytest.fixture
def long(server: Server) -> Iterator[tuple[str, list[Message]]]:
    conversation, made = long_conversation()
    yield f"/assistant/{conversation}/", made


def test_a_long_conversation_on_a_desktop(
    server: Server, page: Page, long: tuple[str, list[Message]], localaws: LocalAws
) -> None:
    home, made = long
    host = f"http://{server.host(MAX)}"
    other = another_answer(made[9], "The other tenth answer.")
    sign_in(page, server, MAX, home)
    messages = page.locator("[data-thread] > .message")
    settled(page)
    expect(messages).to_have_count(FIRST)
    expect(messages.last).to_be_in_viewport()
    assert page.evaluate(COUNT) < 3_000
    check(page)

    # What is read stays where it is when older messages come.
    held = Held(page)
    with page.expect_request("**/messages/?*"):
        page.locator("[data-scroll]").hover()
        page.mouse.wheel(0, -20_000)
    settled(page)
    places = page.evaluate(PLACES)
    held.let_go()
    expect(messages).to_have_count(FIRST + MORE)
    settled(page)
    now = page.evaluate(PLACES)
    assert places
    assert {id_: now.get(id_) for id_ in places} == pytest.approx(places, abs=1)
    expect(page.locator("[data-announce]")).to_have_text(f"{MORE} earlier messages are shown.")

    # By keyboard: the link, then Home until the beginning.
    page.locator("[data-gap-up]").focus()
    page.keyboard.press("Enter")
    expect(messages).to_have_count(FIRST + 2 * MORE)
    expect(page.locator(f"#m-{made[-FIRST - MORE - 1].id}")).to_be_focused()
    page.locator("[data-scroll]").focus()
    for _ in range(200 // MORE):
        before = messages.count()
        if before == 200:
            break
        page.keyboard.press("Home")
        page.wait_for_function(MORE_THAN, arg=before)
    order = messages.evaluate_all("all => all.map((each) => each.dataset.message)")
    assert order == ids(made)
    expect(page.locator("[data-gap]")).to_have_count(0)

    # A link to an old message, from before pages were made in stretches too.
    tenth = page.locator(f"#m-{made[9].id}")
    for address in (f"{home}#m-{made[9].id}", f"{home}?message={made[9].id}#m-{made[9].id}"):
        page.goto("about:blank")
        page.goto(host + address)
        in_sight(tenth)
        settled(page)
    check(page)
    page.get_by_label("Your message").fill("And what do zebras eat?")
    localaws.script(text="Grass.", match={"operation": "ConverseStream"})
    page.keyboard.press("Enter")
    expect(messages.last).to_contain_text("Grass.")
    expect(tenth).to_have_count(1)  # the page was not loaded anew
    expect(page.locator("[data-gap]")).to_have_count(2)

    # The other version of the old answer, and back.
    tenth.scroll_into_view_if_needed()
    tenth.get_by_label("Next version").click()
    told = page.locator(f"#m-{other.id}")
    expect(told).to_be_in_viewport()
    expect(told).to_contain_text("The other tenth answer.")
    expect(messages).to_have_count(10)
    told.get_by_label("Version before").click()
    in_sight(tenth)

    # An old question in other words: what comes after it is of the other branch.
    localaws.script(text="Two.", match={"operation": "ConverseStream"})
    ninth = page.locator(f"#m-{made[8].id}")
    ninth.hover()
    ninth.locator("[data-edit]").click()
    page.keyboard.press("Control+A")
    page.keyboard.type("How many zebras?")
    page.keyboard.press("Enter")
    expect(messages.last).to_contain_text("Two.")
    expect(page.locator("[data-gap-down]")).to_have_count(0)

    # Found by its words.
    page.get_by_label("Search titles and messages").fill("herd_30")
    page.locator("[data-list-rows] [href*='message=']").click()
    expect(page.get_by_text("another version of this conversation")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Show that version").click()
    in_sight(page.locator(f"#m-{made[29].id}"))

    # Printed whole, or it says how.
    page.emulate_media(media="print")
    expect(page.locator(".gap .print-only").first).to_be_visible()
    tall = page.locator("[data-scroll]").evaluate("e => e.clientHeight >= e.scrollHeight")
    assert tall
    expect(page.get_by_label("Your message")).to_be_hidden()


def test_a_long_conversation_on_a_phone(
    server: Server, open_page: OpenPage, long: tuple[str, list[Message]]
) -> None:
    home, made = long
    with open_page(PHONE) as page:
        sign_in(page, server, MAX, f"{home}#m-{made[9].id}")
        tenth = page.locator(f"#m-{made[9].id}")
        in_sight(tenth)
        settled(page)
        messages = page.locator("[data-thread] > .message")
        started = messages.count()
        place = page.evaluate(PLACES)
        later = page.locator("[data-gap-down]")
        later.evaluate("e => e.click()")  # as a screen reader does, from wherever it reads
        expect(messages).to_have_count(started + MORE)
        settled(page)
        now = page.evaluate(PLACES)
        assert {id_: now.get(id_) for id_ in place} == pytest.approx(place, abs=1)
        while page.locator("[data-gap-down]").count():  # read on: what lies between comes by itself
            before = messages.count()
            page.locator("[data-gap-down]").evaluate("e => e.scrollIntoView({ block: 'end' })")
            page.wait_for_function(MORE_THAN, arg=before)
            settled(page)
        order = messages.evaluate_all("all => all.map((each) => each.dataset.message)")
        assert order == ids(made)[-len(order) :]
        assert str(made[9].id) in order
        check(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
