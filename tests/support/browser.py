"""A real browser: Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
DESKTOP, PHONE = (1280, 800), (390, 844)
PATIENCE_MS = 40_000  # on a machine that does other things
expect.set_options(timeout=PATIENCE_MS)
RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
# axe parses a colour by a long way, and does so for each element: half its time. A page has few.
COLOURS_ONCE: Final = """() => {
  const color = axe.commons.color.Color.prototype, parse = color.parseString, known = new Map();
  color.parseString = function (text) {
    const kept = known.get(text);
    if (kept) [this.r, this.g, this.b, this.alpha] = kept;
    else {
      parse.call(this, text);
      known.set(text, [this.r, this.g, this.b, this.alpha]);
    }
    return this;
  };
}"""
UNDER_WAY: Final = ".htmx-request, .htmx-swapping, .htmx-settling"
# The first frames of a page move the focus: to its field, or away, to the fragment of its address.
DRAWN: Final = (
    "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))"
)

# Chromium heeds the last list alone, so that Playwright's names stand here too. What each window
# would load beside its page, for an address bar that nobody sees, takes as much as the page.
DISABLED: Final = (
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
    "SpareRendererForSitePerProcess",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxPopup",
)
# No calls home, which a closed network answers with many slow refusals.
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    f"--disable-features={','.join(DISABLED)}",
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


def settled(page: Page) -> None:
    """Wait until the page is loaded and drawn, shows its main part, and htmx waits for nothing.

    Before keys or clicks that only the page's scripts answer, and before a look at the whole of it:
    a click on a link or a button that sends a form returns when the next page has begun, empty as
    yet. `page.keyboard.press` does not wait even for that: wait for the outcome first.
    """
    page.wait_for_load_state()
    expect(page.locator("main, #main, h1").filter(visible=True).first).to_be_visible()
    expect(page.locator(UNDER_WAY)).to_have_count(0)
    page.wait_for_function(DRAWN)


def click_impatiently(button: Locator) -> None:
    """Click again while what the first click sent is on its way, twice.

    The browser itself joins the two clicks of a double click where both come before it sends.
    """
    button.evaluate("e => { for (const after of [0, 20, 60]) setTimeout(() => e.click(), after); }")


def violations(page: Page, *, but: Collection[str] = ()) -> list[str]:
    """Return what axe finds on the page when it has settled: rule and element. `but` rules are off.

    Wait for the outcome of what was pressed last before: axe reads what is there.
    """
    settled(page)
    options: dict[str, Any] = {
        "runOnly": RULES,
        "resultTypes": ["violations"],
        "rules": {rule: {"enabled": False} for rule in but},
    }
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
        page.evaluate(COLOURS_ONCE)
    found = page.evaluate("async options => (await axe.run(options)).violations", options)
    return [f"{rule['id']}: {node['html'][:160]}" for rule in found for node in rule["nodes"]]


def check(page: Page) -> None:
    """Let axe find nothing."""
    assert violations(page) == []
