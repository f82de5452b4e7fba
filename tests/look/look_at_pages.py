"""Every page, of workspaces by role and of staff: accessible, within the screen, and light to load.

Each page is looked at once: in one theme by one of two people, the next page in the next theme by
the other. With `LOOK=all` both look at every page they may see, in all three themes.
With `LOOK_TO=folder` a picture of each is put there, with `LOOK_LANGUAGE=de` the browser asks for
German. It takes minutes: pytest runs it when it is
named, `python -m pytest -n 0 tests/look/look_at_pages.py`, and not with the other tests.
"""

import os
import re
from statistics import median
from typing import Any

import httpx
import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page

from tests.assistant.conftest import served

__all__ = ["served"]
# Times that a page which was not ready in time is opened again: with its files in the browser, and
# on a machine that may have done something else.
AGAIN = 4


def asked(served: Any, visit: Any, world: Any) -> httpx.Response:
    """Ask for the address alone: whether it is a page at all."""
    headers = {"Host": f"{visit.host}:{served.port}"}
    if session := visit.session(world):
        headers["Cookie"] = f"{settings.SESSION_COOKIE_NAME}={session}"
    address = f"http://127.0.0.1:{served.port}{visit.address}"
    return httpx.get(address, headers=headers, timeout=120, trust_env=False)


def opened(browser: Browser, visit: Any, at: str, world: Any, script: str) -> Page:
    """Open a page of its visitor's, already signed in, which runs a script before its own."""
    width, height = visit.size
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale=os.environ.get("LOOK_LANGUAGE", "en")
    )
    if session := visit.session(world):
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": at}])
    page = context.new_page()
    page.add_init_script(script)
    return page


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(1500)  # a browser opens some hundred and eighty pages
def test_every_page_is_accessible_and_light(served: Any, browser: Browser, capsys: Any) -> None:
    from tests.isolation.world import build
    from tests.look.everypage import (
        HEAVIEST,
        NO_PAGE,
        READY_WITHIN_MS,
        SHIFTED_MOST,
        SHIFTS,
        THEMES,
        look,
        ready_after,
        staff_visits,
        unreached,
        visits,
        wear,
        weight,
    )

    everything = os.environ.get("LOOK") == "all"
    world = build()
    wrong: list[str] = []
    seen: set[str] = set()
    routes: set[str] = set()
    pages: dict[object, Page] = {}
    waits: dict[str, float] = {}
    for number, visit in enumerate([*visits(world, everything=everything), *staff_visits()]):
        key = (visit.who, visit.host, visit.size)
        at = f"http://{visit.host}:{served.port}"
        if key not in pages:
            pages[key] = opened(browser, visit, at, world, SHIFTS)
        page, address = pages[key], at + visit.address
        routes.add(visit.route)
        told = f"{visit.who} at {visit.address}"
        if visit.route in NO_PAGE:
            continue
        answer = asked(served, visit, world)
        if answer.status_code != 200:
            wrong.append(f"{told}: {answer.status_code}")
            continue
        if "<html" not in answer.text[:300]:
            continue  # a fragment, a file
        seen.add(visit.route)
        page.goto(address)
        waits[told] = ready_after(page)
        page.wait_for_load_state("networkidle")
        if not visit.staff and (shifted := page.evaluate("shifted")) > SHIFTED_MOST:
            wrong.append(f"{told}: shifts by {shifted:.3f} while it loads")
        for _ in range(AGAIN if waits[told] > READY_WITHIN_MS else 0):
            page.goto(address)
            waits[told] = min(waits[told], ready_after(page))
            page.wait_for_load_state("networkidle")
        if waits[told] > READY_WITHIN_MS:
            wrong.append(f"{told}: ready {waits[told]:.0f} ms after the server's answer")
        themes = THEMES if everything else [THEMES[number % len(THEMES)]]
        for theme in themes:
            if visit.staff:  # django-unfold chooses its theme when a page loads
                wear(page, theme)
                page.goto(address)
            wrong += [f"{told}, {theme}: {found}" for found in look(page, theme, staff=visit.staff)]
            if folder := os.environ.get("LOOK_TO"):
                name = re.sub(r"[^a-z]+", "-", f"{visit.route} {theme}")
                page.screenshot(path=f"{folder}/{number:03}-{name}.png", full_page=True)
        wrong += [f"{told}, {found}" for found in unreached(page)]
        if page.evaluate("document.documentElement.scrollWidth") > visit.size[0]:
            wrong.append(f"{told}: wider than the screen")
        if not visit.staff and (heavy := weight(page)) > HEAVIEST:
            wrong.append(f"{told}: {heavy:,} bytes of script and style")
    for page in pages.values():
        page.context.close()
    with capsys.disabled():
        print(f"\n{len(seen)} pages looked at, of {len(routes)} addresses; ready to be used")
        print(f"{median(waits.values()):.0f} ms after the server's answer; the slowest:")
        for told in sorted(waits, key=lambda told: -waits[told])[:5]:
            print(f"{waits[told]:.0f} ms, {told}")
    assert not wrong, "\n".join(wrong)
    assert set(NO_PAGE) <= routes
