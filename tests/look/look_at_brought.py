"""Pages that something brings (`brought.py`): accessible and within the screen.

Each on a desktop in light and on a phone in dark. With `LOOK_TO=folder` a picture of each is put
there. pytest runs it when it is named: `python -m pytest -n 0 tests/look/look_at_brought.py`.
"""

import os
import re
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.assistant.conftest import served

__all__ = ["served"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(600)
def test_pages_that_something_brings_are_accessible(
    served: Any, browser: Browser, settings: Any, worker: Any
) -> None:
    from tests.look.brought import Brought
    from tests.look.everypage import look
    from tests.support.browser import DESKTOP, PHONE, opened

    wrong: list[str] = []
    for number, (name, walk) in enumerate(Brought(served.port, settings, worker).pages()):
        with opened(browser, DESKTOP) as page:
            walk(page)
            for theme, (width, height) in (("light", DESKTOP), ("dark", PHONE)):
                page.set_viewport_size({"width": width, "height": height})
                staff = "/admin/" in page.url and page.locator("main.centered").count() == 0
                wrong += [f"{name}, {theme}: {found}" for found in look(page, theme, staff=staff)]
                if page.evaluate("document.documentElement.scrollWidth") > width:
                    wrong.append(f"{name}: wider than {width}")
                if folder := os.environ.get("LOOK_TO"):
                    file = re.sub(r"[^a-z]+", "-", f"{name} {theme}")
                    page.screenshot(path=f"{folder}/{number:02}-{file}.png", full_page=True)
    assert not wrong, "\n".join(wrong)
