"""The living page of components in a real browser, under the product's own policy."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import DESKTOP, PHONE, check

OpenPage = Callable[..., AbstractContextManager[Page]]


@pytest.fixture
def gallery(served_pages: str) -> str:
    """The address of the gallery."""
    return f"{served_pages}/design/"


@pytest.mark.parametrize(
    ("size", "theme"),
    [(DESKTOP, "light"), (PHONE, "dark")],
    ids=["desktop-light", "phone-dark"],
)
def test_axe_finds_nothing(
    gallery: str, open_page: OpenPage, size: tuple[int, int], theme: str
) -> None:
    with open_page(size) as page:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
        page.goto(gallery)
        page.evaluate("document.querySelectorAll('details.disclosure').forEach(d => d.open = true)")
        check(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_nothing_breaks_the_policy(gallery: str, page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(gallery)
    page.get_by_role("button", name="Warning").click()
    expect(page.locator(".toast--warning")).to_be_visible()
    assert said == []


def test_the_theme_is_kept(gallery: str, page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(gallery)
    page.get_by_role("button", name="Dark theme").first.click()
    page.reload()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    expect(page.get_by_role("button", name="Dark theme").first).to_have_attribute(
        "aria-pressed", "true"
    )


def test_the_keyboard_reaches_content_tabs_and_search(gallery: str, page: Page) -> None:
    page.goto(gallery)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()
    page.get_by_role("tab", name="Answer").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#panel-why")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_label("Search the documents")).to_be_focused()


def test_arrows_walk_through_a_menu_and_escape_leaves_it(gallery: str, page: Page) -> None:
    page.goto(gallery)
    page.locator("#overlays summary").click()
    expect(page.get_by_role("button", name="Share")).to_be_visible()
    items = page.locator("#overlays .menu__item")
    for key, item in (("ArrowDown", 0), ("ArrowDown", 1), ("End", 2), ("ArrowDown", 0),
                      ("ArrowUp", 2), ("Home", 0)):  # fmt: skip
        page.keyboard.press(key)
        expect(items.nth(item)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Share")).to_be_hidden()
    expect(page.locator("#overlays summary")).to_be_focused()
    page.keyboard.press("End")  # of a closed menu it is the page's own key
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Share")).to_be_hidden()


def test_a_link_out_of_an_answer_shows_its_whole_address_first(gallery: str, page: Page) -> None:
    page.goto(gallery)
    page.get_by_role("button", name="A link out of an answer").click()
    dialog = page.locator("#confirm")
    expect(dialog).to_contain_text("https://example.com/a/long/path?with=a&query=too")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert len(page.context.pages) == 1


def test_a_double_click_that_closes_a_dialog_presses_nothing_beneath(
    gallery: str, page: Page
) -> None:
    page.goto(gallery)
    page.get_by_role("button", name="Dialog", exact=True).click()
    page.evaluate(
        "window.beneath = 0;"
        " addEventListener('click', (e) => { if (!e.target.closest('dialog')) beneath += 1; });"
    )
    cancel = page.locator("#g-dialog").get_by_role("button", name="Cancel")
    cancel.dblclick()
    expect(page.locator("#g-dialog")).to_be_hidden()
    assert page.evaluate("beneath") == 0


def test_a_refusal_says_what_to_do_next(gallery: str, page: Page) -> None:
    page.goto(gallery)
    page.evaluate("htmx.ajax('POST', '/spend/', {target: '#toasts', swap: 'none'}).catch(() => {})")
    expect(page.locator(".toast--danger")).to_contain_text("Wait until 1 December, or upgrade.")
    code = page.evaluate("tenantry.fetch('/spend/', {method: 'POST'}).catch(e => e.code)")
    assert code == "quota_exhausted"


def test_it_says_when_the_network_is_gone(gallery: str, page: Page) -> None:
    page.goto(gallery)
    page.context.set_offline(True)
    expect(page.locator("#offline")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()
