"""How long after a key of a search its results are on the screen, in a browser."""

from __future__ import annotations

from typing import Final

from playwright.sync_api import Page

from tests.bench import live
from tests.bench.spread import cells, p95
from tests.bench.table import Table
from tests.e2e.people import sign_in
from tests.support.browser import launched, opened

WITHIN = 100  # milliseconds
BETWEEN = 200  # milliseconds from key to key: shorter than the pause before a whole search
QUERIES = ("hotel cost per night", "warranty of tent poles", "travel policy", "customer returns")
# From the key's event until the frame that shows other rows, or other words about them, is drawn.
WATCH: Final = """
() => {
  window.taken = { key: [], pause: [] };
  let pressed = 0, first = 0;
  const field = document.getElementById("q");
  field.addEventListener("keydown", () => { pressed = first = performance.now(); }, true);
  const told = () => document.querySelector("[data-told]")?.textContent ?? "";
  new MutationObserver(() => {
    const kind = /moment/.test(told()) ? "key" : /best first/.test(told()) ? "pause" : "";
    if (!kind) return;
    const began = kind === "key" ? first : pressed;
    first = 0;
    if (!began) return;
    if (kind === "pause") pressed = 0;
    requestAnimationFrame(() => {
      const drawn = new MessageChannel();
      drawn.port1.onmessage = () => taken[kind].push(performance.now() - began);
      drawn.port2.postMessage(0);
    });
  }).observe(document.querySelector("[data-found]"), { childList: true, subtree: true });
}
"""


def run() -> Table:
    """Type the queries one after the other, each from an empty field, and wait at its end."""
    stack = live.product()
    live.fill_buckets(stack)
    with launched() as browser, opened(browser) as page:
        sign_in(page, stack.person("acme", "member"), "/search/")
        for query in QUERIES:  # whatever is read once
            typed(page, query)
        live.fill_buckets(stack)
        page.evaluate(WATCH)
        for query in QUERIES:
            typed(page, query)
        taken: dict[str, list[float]] = page.evaluate("taken")
    return Table(
        title="Search as one types, in a browser",
        includes=(
            f"Chromium beside the product, a key every {BETWEEN} ms. From the key's event until"
            " the frame that shows what it found is drawn: what the words find, and the whole"
            " search after the pause of 300 ms."
        ),
        columns=("", "median ms", "p95 ms", "least–most", "keys"),
        rows=[("by words", *cells(taken["key"])), ("by meaning too", *cells(taken["pause"]))],
        target=f"median within {WITHIN} ms by words",
        reached=sorted(taken["key"])[len(taken["key"]) // 2] <= WITHIN,
        notes=[f"p95 within {WITHIN} ms: {'yes' if p95(taken['key']) <= WITHIN else 'no'}."],
    )


def typed(page: Page, query: str) -> None:
    """Type a query into the emptied field and wait for all that was found."""
    field = page.locator("#q")
    field.fill("")
    page.get_by_role("heading", name="Find any passage").wait_for()
    field.press_sequentially(query, delay=BETWEEN)
    page.locator("[data-told]", has_text="best first").wait_for()
