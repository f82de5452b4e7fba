"""Wide code, wide tables and links of an answer: by keys on a phone, and whole on paper."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

from playwright.sync_api import Page, expect

from assistant.models import Message
from tenants.context import entered
from tests.assistant.longtalk import long_conversation
from tests.assistant.talking import Server
from tests.assistant.test_browser import sign_in
from tests.support.browser import PHONE, check
from tests.support.cast import ADA, MAX
from tests.support.clients import browser_of, tenant_of

if TYPE_CHECKING:
    OpenPage = Callable[..., AbstractContextManager[Page]]

ADDRESS: Final = "https://kiln.example/a/long/way?to=" + "clay" * 20
WIDE: Final = f"""See [the guide]({ADDRESS}).

```python
def fired(kilns): return [kiln for kiln in kilns if kiln.degrees > 1280 and kiln.hours > 8]
```

| {" | ".join(f"temperature_of_kiln_{n}" for n in range(6))} |
|{"---|" * 6}
| {" | ".join("1280" for _ in range(6))} |
"""
REACHES = "(each) => each.scrollWidth - each.clientWidth"


def test_what_is_wide_is_scrolled_by_keys_and_printed_whole(
    server: Server, open_page: OpenPage
) -> None:
    conversation, made = long_conversation(2)
    with entered(tenant_of(MAX)):
        Message.objects.filter(id=made[1].id).update(text=WIDE)
    browser_of(MAX).post(f"/assistant/{conversation}/share/", {"shared": "1"})
    with open_page(PHONE) as page:
        sign_in(page, server, ADA, f"/assistant/shared/{conversation}/")
        code, table = page.locator(".prose pre"), page.locator(".prose table")
        for wide in (code, table):
            assert wide.evaluate(REACHES) > 0
            wide.focus()
            expect(wide).to_be_focused()
            page.keyboard.press("End")
            page.keyboard.press("ArrowRight")
            page.wait_for_function("e => e.scrollLeft > 0", arg=wide.element_handle())
        check(page)
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy the code").click()
        expect(page.locator(".toast")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()").startswith("def fired(kilns)")

        page.emulate_media(media="print")
        assert code.evaluate(REACHES) == 0
        after = "e => getComputedStyle(e, '::after').content"
        assert ADDRESS in page.get_by_role("button", name="the guide").evaluate(after)
