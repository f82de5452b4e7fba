"""Every page of the product, from the table of routes, with whom it is looked at as.

The isolation matrix fails for a route without a row, so a new page cannot be missed here.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Page

from tests.isolation.admintable import MODELS, PUBLIC
from tests.isolation.attempts import filled
from tests.isolation.table import PRIVATE, ROUTES
from tests.isolation.world import World
from tests.support.browser import DESKTOP, PHONE, violations
from tests.support.cast import ALICE, BOB, Person

# The frame of the admin is django-unfold's: it marks no main part, names both of its navigations
# alike, and leaves heads of columns empty.
NOT_OF_STAFF: Final = ("landmark-one-main", "region", "landmark-unique", "empty-table-header")
THEMES: Final = ("light", "dark", "contrast")
HEAVIEST: Final = 150 * 1024  # bytes of script and style together, as they are sent
STATIC: Final = Path(__file__).parents[2] / "static"
# Addresses that show no page by themselves, with the reason; `brought.py` brings what can be.
NO_PAGE: Final = {
    "": "leads to the first page",
    "password-reset/<uidb64>/<token>/": "a link that a mail brings",
    "welcome/<token>/": "a link that the sign-up brings",
    "confirm/<token>/": "a link that a mail brings",
    "invitation/<str:token>/": "a link that a mail brings",
    "staff-visit/<str:token>/": "a link that the admin brings",
    "documents/<uuid:document_id>/pages/<int:index>/": "a picture, of PDF files alone",
    "documents/<uuid:document_id>/pages/<int:index>/words/": "a fragment, of PDF files alone",
    "search/typed/": "a fragment, of what is being typed",
    "settings/audit/export/": "a file",
    "usage/export/": "a file",
    "usage/invoices/<uuid:invoice_id>/pdf/": "a file",
    "usage/invoices/<uuid:invoice_id>/csv/": "a file",
    "public sign-up/address/": "says in a line whether an address is free",
    "public webhooks/payments/": "takes the payment provider's messages",
    "public admin/login/": "django-unfold's page, with its own styles",
    "usage/plans/<slug:plan>/": "leads back where the plan is not to be had",
    "public admin/logout/": "ends the session that looks",
    "sign-in/second/": "needs a password that was right",
    "sign-in/set-up/": "needs a password that was right",
    "sign-in/sso/": "leads to the identity provider",
    "sign-in/sso/oidc/": "where the identity provider leads back to",
    "sign-in/sso/saml/finish/": "where the identity provider leads back to",
    "sign-in/sso/saml/logout/": "takes the identity provider's messages",
    "public admin/second/": "needs a password that was right",
    "public admin/set-up/": "needs a password that was right",
    "public admin/second-factor/codes/": "takes what a form sends",
    "public admin/autocomplete/": "answers a field's questions in JSON",
    "public admin/search/": "a fragment",
    "public admin/billing/reconciliationline/case/": "needs the case that a list names",
    "public admin/billing/reconciliationline/release/": "needs the workspace that a list names",
    "public admin/registry/impersonation/begin/": "needs the workspace that a list names",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """An address at a host, and who looks at it; nobody: without a session."""

    host: str
    address: str
    route: str
    person: Person | None
    size: tuple[int, int]
    staff: bool = False

    @property
    def who(self) -> str:
        return "staff" if self.staff else self.person.email if self.person else "nobody"

    def session(self, world: World) -> str | None:
        if self.staff:
            return world.staff_session
        return world.sessions[self.person.email] if self.person else None


def visits(world: World, *, everything: bool) -> Iterator[Visit]:
    """Yield each page as the owner meets it on a desktop or as a viewer does on a phone, by turns.

    What a viewer may not see is the owner's each time; with `everything` both look at all they may.
    """
    for number, (route, methods) in enumerate(ROUTES.items()):
        role = methods.get("GET")
        if role is None or (route.startswith("api/") and route != "api/v1/docs/"):
            continue
        address = filled(route, world.unknown() | world.own)
        both = role == "viewer" and not any(name in route for name in PRIVATE)
        whom = None if role == "anyone" else ALICE
        if everything or not both or number % 2:
            yield Visit(ALICE.host, address, route, whom, DESKTOP)
        if everything and not both:
            yield Visit(ALICE.host, address, route, whom, PHONE)
        if both and (everything or not number % 2):
            yield Visit(BOB.host, address, route, BOB, PHONE)
    for route, who in PUBLIC.items():
        if who == "anyone" and "<" not in route:
            yield Visit("localhost", f"/{route}", f"public {route}", None, PHONE)


def staff_visits() -> Iterator[Visit]:
    """Yield each page of the admin without an id in its address, and the list of every model."""
    routes = [route for route, who in PUBLIC.items() if route.startswith("admin/")]
    routes = [route for route in routes if not set(route) & set("<(")]
    for model, rights in MODELS.items():
        base = f"admin/{model.lower().replace('.', '/')}/"
        routes += [base, *([f"{base}add/"] if "add" in rights.split() else [])]
    for number, route in enumerate(routes):
        size = PHONE if number % 3 == 0 else DESKTOP
        yield Visit("localhost", f"/{route}", f"public {route}", None, size, staff=True)


def wear(page: Page, theme: str) -> None:
    """Let the browser ask for the theme."""
    dark = "dark" if theme == "dark" else "light"
    forced = "active" if theme == "contrast" else "none"
    page.emulate_media(color_scheme=dark, reduced_motion="reduce", forced_colors=forced)  # type: ignore[arg-type]


def look(page: Page, theme: str, *, staff: bool = False) -> list[str]:
    """Return what axe finds on the page in the theme."""
    wear(page, theme)
    return violations(page, but=NOT_OF_STAFF if staff else ())


REACHED: Final = """
window.operable = [...document.querySelectorAll(
  "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"
)].filter((each) => !each.disabled && each.checkVisibility({ checkVisibilityCSS: true })
  && !each.matches("[tabindex='-1']") && !each.closest("[inert]"));
window.reached = new Set();
document.addEventListener("focusin", ({ target }) => {
  const one = target.type === "radio"; // the arrow keys reach the others of its group
  for (const each of one ? document.getElementsByName(target.name) : [target]) reached.add(each);
});
document.activeElement.blur();
operable.length
"""
MISSED: Final = """
operable.filter((each) => !reached.has(each) && each.isConnected)
  .map((each) => each.outerHTML.slice(0, 120))
"""


def unreached(page: Page) -> list[str]:
    """Return what can be operated with a pointer and is not reached by the Tab key."""
    for _ in range(int(page.evaluate(REACHED)) + 40):  # from where one is, and round
        page.keyboard.press("Tab")
    return [f"not reached by Tab: {each}" for each in page.evaluate(MISSED)]


SHIFTS: Final = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
READY_WITHIN_MS: Final = 200
# Of Chromium's layout shift score: 0.1 is what the web calls good.
SHIFTED_MOST: Final = 0.01


def ready_after(page: Page) -> float:
    """Return the milliseconds from the server's answer until the page's scripts have run."""
    return float(page.evaluate(
        "(({ domContentLoadedEventEnd: ready, responseEnd: answered }) => ready - answered)"
        "(performance.getEntriesByType('navigation')[0])"
    ))  # fmt: skip


def weight(page: Page) -> int:
    """Return the bytes of the page's scripts and styles, compressed as production sends them."""
    addresses: list[str] = page.evaluate(
        "[...document.querySelectorAll('script[src], link[rel=stylesheet]')]"
        ".map((each) => each.src || each.href)"
    )
    files = {STATIC / urlsplit(address).path.removeprefix("/static/") for address in addresses}
    return sum(len(gzip.compress(file.read_bytes())) for file in files)
