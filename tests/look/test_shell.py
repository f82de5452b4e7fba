"""The workspace's shell in a real browser: wide, tablet and phone, by pointer and by keyboard."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import DESKTOP, PHONE, check

TABLET = (820, 1180)
OpenPage = Callable[..., AbstractContextManager[Page]]


@pytest.mark.parametrize(
    ("size", "theme"),
    [(DESKTOP, "light"), (PHONE, "dark")],
    ids=["desktop-light", "phone-dark"],
)
def test_axe_finds_nothing(
    served_pages: str, open_page: OpenPage, size: tuple[int, int], theme: str
) -> None:
    with open_page(size) as page:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
        page.goto(f"{served_pages}/settings/members/")
        expect(page.locator("#quota .meter__bar")).to_be_visible()
        check(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


@pytest.mark.parametrize("size", [DESKTOP, TABLET, PHONE], ids=["desktop", "tablet", "phone"])
def test_the_quota_is_always_in_view(
    served_pages: str, open_page: OpenPage, size: tuple[int, int]
) -> None:
    with open_page(size) as page:
        page.goto(f"{served_pages}/documents/")
        expect(page.locator("#quota .meter__bar")).to_be_in_viewport()


def test_the_page_one_stands_on_is_marked(served_pages: str, page: Page) -> None:
    page.goto(f"{served_pages}/documents/")
    current = page.get_by_role("navigation", name="Workspace").locator("[aria-current=page]")
    expect(current).to_have_text("Documents")


def test_a_question_mark_opens_the_sheet_and_letters_go_places(
    served_pages: str, page: Page
) -> None:
    page.goto(f"{served_pages}/settings/members/")
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#shortcuts")).to_be_hidden()
    page.keyboard.type("gd")  # within a second
    page.wait_for_url("**/documents/")


def test_single_keys_can_be_turned_off(served_pages: str, page: Page) -> None:
    page.goto(f"{served_pages}/documents/")
    page.keyboard.press("?")
    page.get_by_label("Single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_hidden()


@pytest.mark.parametrize("size", [DESKTOP, TABLET, PHONE], ids=["desktop", "tablet", "phone"])
def test_one_can_sign_out_by_keyboard(
    served_pages: str, open_page: OpenPage, size: tuple[int, int]
) -> None:
    with open_page(size) as page:
        page.goto(f"{served_pages}/documents/")
        page.locator("summary[aria-label^=Account]").focus()
        page.keyboard.press("Enter")
        button = page.get_by_role("button", name="Sign out")
        expect(button).to_be_in_viewport(ratio=1)
        button.focus()
        with page.expect_request("**/sign-out/") as sent:
            page.keyboard.press("Enter")
        assert sent.value.method == "POST"


def test_the_meter_reloads_when_usage_changes(served_pages: str, page: Page) -> None:
    page.goto(f"{served_pages}/documents/")
    expect(page.locator("#quota")).to_contain_text("Nearly used up")
    with page.expect_request("**/usage/meter/"):
        page.evaluate("document.body.dispatchEvent(new CustomEvent('usage:changed'))")
