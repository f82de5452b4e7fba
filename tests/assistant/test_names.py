"""Names: what cannot be seen is not kept, what is too long is refused with its limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from assistant.models import Message, MessageRole
from assistant.texts import _title
from tenants.accounts.models import User
from tenants.context import entered
from tenants.naming import one_line
from tests.assistant.talking import Server, conversation_for
from tests.assistant.test_browser import sign_in
from tests.documents.helpers import HANDBOOK, ready
from tests.support.browser import DESKTOP, PHONE
from tests.support.cast import ADA, ALICE, MAX, Person
from tests.support.clients import api, browser_of, code_of, tenant_of

if TYPE_CHECKING:
    from tests.assistant.test_browser import OpenPage

JSON = "application/json"
HOOK = {"url": "https://93.184.215.14/in"}
FAMILY = "\U0001f469\U0001f3fd\u200d\U0001f4bb"  # a woman, her skin, joined with a computer
ODD = "\u202eOtter\u200b  s\u2066 " + FAMILY + "\ufeff"
SEEN = "Otter s " + FAMILY
LONG = 10_000
WIDE = """(most) => [...document.querySelectorAll("body *")]
    .filter((each) => each.getBoundingClientRect().right > most + 1)
    .map((each) => `${each.tagName}.${each.className.baseVal ?? each.className}`).slice(0, 12)"""
WITH_JOINER = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"  # Persian is written with it


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        (" zero\u200bwidth\u2060 ", "zerowidth"),
        ("a\u200db", "ab"),  # joins nothing
        (FAMILY, FAMILY),
        ("\u2764\ufe0f\u200d\U0001f525 heart", "\u2764\ufe0f\u200d\U0001f525 heart"),
        ("1\ufe0f\u20e3 first", "1\ufe0f\u20e3 first"),
        (WITH_JOINER, WITH_JOINER),
        ("U\u0308ber\tall\r\nhere", "\u00dcber all here"),
        ("bell\x07 nul\x00 private\ue000", "bell nul private"),
        ("\u200b\u202e\u3164", ""),
        ("Z" + "\u0316" * 9 + "algo", "Z\u0316\u0316\u0316algo"),  # a tower
        ("ệ שָׁלוֹם ที่", "ệ שָׁלוֹם ที่"),
    ],
)  # fmt: skip
def test_a_name_is_kept_as_it_is_seen(given: str, kept: str) -> None:
    assert one_line(given) == kept
    assert one_line(kept) == kept


def test_a_text_that_begins_with_nothing_seen_has_a_title_all_the_same() -> None:
    assert _title("# \u202e\u200b\n") == "Text"
    assert _title(f"# {ODD}\nMore") == SEEN


def sent(way: str, person: Person, path: str, body: dict[str, Any]) -> Any:
    return getattr(api(person), way)(f"/api/v1/{path}", body, JSON)


@pytest.mark.django_db
def test_every_name_is_cleaned_or_refused_with_its_limit() -> None:
    document = ready("travel.md", HANDBOOK)
    conversation = conversation_for(MAX)
    collection = sent("post", MAX, "collections/", {"name": "Ours", "open": False}).json()["id"]
    group = sent("post", ADA, "groups/", {"name": "Directors"}).json()["id"]
    ways: list[tuple[str, Person, str, str, str]] = [
        ("post", MAX, "collections/", "name", "120"),
        ("patch", MAX, f"collections/{collection}/", "name", "120"),
        ("post", ADA, "groups/", "name", "80"),
        ("patch", ADA, f"groups/{group}/", "name", "80"),
        ("patch", MAX, f"conversations/{conversation}/", "title", "120"),
        ("post", MAX, "conversations/", "title", "120"),
        ("post", MAX, "keys/", "name", "120"),
        ("post", ADA, "service-accounts/", "name", "120"),
        ("post", ADA, "webhooks/", "description", "120"),
    ]
    for number, (way, person, path, field, limit) in enumerate(ways):
        more = {"service-accounts/": {"role": "viewer"}, "webhooks/": HOOK}.get(path, {})
        refused = sent(way, person, path, {field: "\N{OTTER}" * LONG, **more})
        assert (refused.status_code, code_of(refused)) == (400, "invalid"), path
        assert limit in refused.content.decode(), path
        taken = sent(way, person, path, {field: f"{ODD} {number}", **more})
        assert taken.status_code < 300, (path, taken.content)
        assert taken.json()[field] == f"{SEEN} {number}", path
    path = f"documents/{document.id}/"
    tagged = sent("patch", MAX, path, {"tags": ["x" * LONG]})
    assert (tagged.status_code, code_of(tagged)) == (400, "invalid")
    assert "40" in tagged.content.decode()
    assert sent("patch", MAX, path, {"tags": [ODD]}).json()["tags"] == [SEEN]
    assert code_of(sent("patch", MAX, path, {"tags": ["\u200b"]})) == "tags_wrong"
    assert sent("patch", MAX, path, {"name": ODD}).json()["name"] == f"{SEEN}.md"


@pytest.mark.django_db
def test_a_new_name_that_is_too_long_is_refused_whole() -> None:
    document = ready("travel.md", HANDBOOK)
    path = f"documents/{document.id}/"
    assert code_of(sent("patch", MAX, path, {"name": "x" * LONG})) == "invalid"
    long = sent("patch", MAX, path, {"name": "x" * 254})  # and its ending
    assert (long.status_code, code_of(long)) == (422, "name_too_long")
    assert "255 characters" in long.json()["detail"]
    both = sent("patch", MAX, path, {"tags": ["trips"], "name": "x" * 254})
    assert code_of(both) == "name_too_long"
    assert api(MAX).get(f"/api/v1/{path}").json()["tags"] == []  # nothing of it was done
    given = "Journeys " * 30
    page = browser_of(MAX).post(f"/documents/{document.id}/rename/", {"name": given})
    assert page.status_code == 422
    assert f'value="{given}"' in page.content.decode()
    assert "at most 255 characters" in page.content.decode()
    assert sent("get", MAX, path, {}).json()["name"] == "travel.md"
    assert sent("patch", MAX, path, {"name": "x" * 252}).json()["name"] == "x" * 252 + ".md"


def test_the_longest_names_fit_every_page(server: Server, open_page: OpenPage) -> None:
    long, words = "W" * 80, (f"{FAMILY} \u0645\u0631\u062d\u0628\u0627 " * 20)[:80].strip()
    document = ready("travel.md", HANDBOOK)
    sent("patch", MAX, f"documents/{document.id}/", {"name": "W" * 252, "tags": ["W" * 40]})
    ids = [
        sent("post", MAX, "collections/", {"name": name, "open": True}).json()["id"]
        for name in (long + "W" * 40, words)
    ]
    for name in (long, words):
        sent("post", ADA, "groups/", {"name": name})
    conversation = conversation_for(MAX, title="W" * 120)
    with entered(tenant_of(MAX)):
        Message.objects.create(
            conversation_id=conversation, role=MessageRole.USER, text="W" * 4_000, position=1
        )
        User.objects.filter(email=MAX.email).update(name="W" * 120)
    wide: dict[str, list[str]] = {}
    with open_page(PHONE) as page:
        pages = {
            MAX: (
                "/documents/", f"/documents/{document.id}/", "/collections/",
                *(f"/collections/{each}/" for each in ids), "/assistant/",
                f"/assistant/{conversation}/", "/search/?q=hotel+room", "/ask/", "/write/texts/",
            ),
            ALICE: ("/settings/members/", "/settings/groups/", "/usage/", "/usage/alerts/"),
        }  # fmt: skip
        for person, paths in pages.items():
            sign_in(page, server, person, paths[0])
            for path in paths:
                page.goto(f"http://{server.host(person)}{path}")
                page.wait_for_load_state("networkidle")
                for width, height in (PHONE, DESKTOP):
                    page.set_viewport_size({"width": width, "height": height})
                    if page.evaluate("document.documentElement.scrollWidth") > width:
                        wide[f"{path} at {width}"] = page.evaluate(WIDE, width)
                    if path == "/documents/":  # words beside the choice of a collection
                        told = page.get_by_text("Drop files or folders here").bounding_box()
                        assert told and told["width"] > 120
    assert not wide, "; ".join(f"{path}: {found}" for path, found in wide.items())
