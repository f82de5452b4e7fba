"""A real browser: Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
DESKTOP, PHONE = (1280, 800), (390, 844)
PATIENCE_MS = 15_000
expect.set_options(timeout=PATIENCE_MS)

# No calls home, which a closed network answers with many slow refusals.
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]


def program() -> str:
    """Return the installed Chromium. Raises RuntimeError saying what to install."""
    for name in PROGRAMS:
        if found := shutil.which(name):
            return found
    raise RuntimeError("The browser tests need Chromium: install the package chromium.")


@contextmanager
def launched() -> Iterator[Browser]:
    """Run a browser without a screen."""
    as_root = os.geteuid() == 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program(), args=[*FLAGS, *(["--no-sandbox"] if as_root else [])]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, size: tuple[int, int] = DESKTOP) -> Iterator[Page]:
    """Open a page with cookies of its own, in a window of `size` (width, height).

    An error in one of the page's scripts fails the test that opened it.
    """
    context: BrowserContext = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    assert not errors, f"The page's scripts failed: {errors}"
