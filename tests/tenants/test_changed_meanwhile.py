"""Two tabs: a form that was filled in from what holds no more undoes nothing unseen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from lxml import html

from tenants.accounts.groupmodels import MemberGroup
from tenants.context import entered
from tenants.webhooks.models import Endpoint
from tests.documents.helpers import HANDBOOK, ready
from tests.support.cast import ALICE, MAX, Person
from tests.support.clients import api, browser_of, tenant_of

pytestmark = pytest.mark.django_db
SAID = "This was changed after you had opened the page."
JSON = "application/json"


class Form(NamedTuple):
    """One form of a page: how to make and find it, and what each of two tabs puts into it."""

    name: str
    person: Person
    page: Callable[[], str]
    has: dict[str, str]  # fields by which it is known
    first: dict[str, Any]
    second: dict[str, Any]
    keeps: bool = True  # what was typed, on the page that refuses


def collection() -> str:
    body = {"name": "Payroll"}
    made = api(MAX).post("/api/v1/collections/", body, content_type=JSON)
    return f"/collections/{made.json()['id']}/"


def webhook() -> str:
    with entered(tenant_of(ALICE)):
        made = Endpoint.objects.create(url="https://93.184.215.14/in", events=[], secret="")
    return f"/settings/webhooks/{made.id}/"


def group() -> str:
    with entered(tenant_of(ALICE)):
        MemberGroup.objects.create(name="Potters")
    return "/settings/groups/"


def document() -> str:
    return f"/documents/{ready('Handbook.md', HANDBOOK).id}/"


FORMS = (
    Form("collection", MAX, collection, {"access": "everybody"},
         {"access": "members"}, {"name": "Payroll 2026"}),
    Form("cap", ALICE, lambda: "/usage/limits/", {"part": "cap", "usd": ""},
         {"usd": "40"}, {"usd": "9000"}),
    Form("budget", ALICE, lambda: "/usage/limits/", {"part": "budget", "usd": ""},
         {"usd": "30"}, {"usd": "70"}),
    Form("allowance", ALICE, lambda: "/usage/limits/", {"part": "allowance"},
         {"model_tokens": "500"}, {"spend_usd": "7"}),
    Form("alerts", ALICE, lambda: "/usage/alerts/", {"to_admins": "on"},
         {"quota": "50, 90"}, {"cap": "60"}),
    Form("role", ALICE, lambda: "/settings/members/", {"role": "viewer"},
         {"role": "member"}, {"role": "admin"}, keeps=False),
    Form("webhook", ALICE, webhook, {"act": "change"},
         {"description": "Payroll"}, {"url": "https://93.184.215.14/other"}),
    Form("workspace", ALICE, lambda: "/settings/workspace/",
         {"action": "/settings/workspace/name/"},
         {"name": "Acme Kilns"}, {"name": "Acme Wheels"}),
    Form("group", ALICE, group, {"act": "rename"}, {"name": "Weavers"}, {"name": "Dyers"}),
    Form("document's name", MAX, document, {"name": "Handbook.md"},
         {"name": "Rules.md"}, {"name": "Guide.md"}),
    Form("document's tags", MAX, document, {"tags": ""}, {"tags": "2026"}, {"tags": "draft"}),
    Form("invoices' account", ALICE, lambda: "/usage/invoices/", {"tax_number": ""},
         {"tax_number": "DE 1"}, {"name": "Acme Ltd"}),
)  # fmt: skip


def form_in(content: bytes, has: dict[str, str] | set[str], leads: str = "") -> dict[str, Any]:
    """Return all that a browser would send of the form with these fields, and where to."""
    page = html.fromstring(content)
    for form in page.forms:
        own = page.xpath(f"//input[@form='{form.get('id')}']") if form.get("id") else []
        texts = [each for each in [*form.xpath(".//input"), *own] if each.get("type") != "checkbox"]
        fields: dict[str, Any] = {each.name: each.value or "" for each in texts if each.name}
        fields |= dict(form.form_values()) | {"action": form.get("action") or ""}
        there = leads in (fields["action"], "") and set(has) <= set(fields)
        if there and (isinstance(has, set) or has.items() <= fields.items()):
            return fields
    raise AssertionError(f"no form with {has}")


@pytest.mark.parametrize("form", FORMS, ids=[each.name for each in FORMS])
def test_what_another_tab_saved_meanwhile_is_not_undone_unseen(form: Form) -> None:
    client, page = browser_of(form.person), form.page()
    opened = client.get(page).content
    fields = form_in(opened, form.has)
    action = fields.pop("action")
    known = {name: fields[name] for name in ("part", "act", "user_id") if name in fields}
    has: Any = known or {*form.has, "seen"}
    where = action or page

    assert client.post(where, fields | form.first).status_code == 302
    refused = client.post(where, fields | form.second)  # the other tab, opened before
    assert refused.status_code in (409, 422), refused.content
    assert SAID in refused.content.decode()
    now = form_in(client.get(page).content, has, action)
    assert {k: now[k] for k in form.first} == form.first
    assert all(now[k] != v for k, v in form.second.items())
    if form.keeps:
        kept = form_in(refused.content, has, action)
        assert {k: kept[k] for k in form.second} == form.second

    again = form_in(refused.content, has, action)
    assert client.post(where, again | form.second).status_code == 302, "saving again is a choice"
    now = form_in(client.get(page).content, has, action)
    assert {k: now[k] for k in form.second} == form.second


def test_sent_twice_unchanged_it_is_no_conflict() -> None:
    client = browser_of(ALICE)
    fields = form_in(client.get("/usage/limits/").content, {"part": "cap", "usd": ""})
    for _ in range(2):  # a double click: the second finds its own value there
        assert client.post("/usage/limits/", fields | {"usd": "40"}).status_code == 302


@pytest.mark.parametrize(
    ("address", "form"),
    [
        ("/settings/security/policy/", {"second": "optional"}),
        ("/settings/security/sso/", {"kind": "oidc", "name": "Okta", "role": "viewer"}),
        ("/settings/security/sso/state/", {"state": "off"}),
    ],
)
def test_how_people_sign_in_is_not_changed_from_an_old_page(
    address: str, form: dict[str, str]
) -> None:
    answer = browser_of(ALICE).post(address, form | {"seen": "0" * 20})
    assert answer.status_code == 422
    assert SAID in answer.content.decode()


def test_a_plan_is_not_changed_at_a_price_that_was_shown_before_another_change() -> None:
    client = browser_of(ALICE)
    where = "/usage/plans/enterprise/"
    fields = form_in(client.get(where).content, {"seen"})
    assert fields["seen"]
    fields["seen"] = "0" * 20
    answer = client.post(where, fields, follow=True)
    assert answer.redirect_chain == [(where, 302)]
    assert "The plan was changed meanwhile" in answer.content.decode()
    with entered(tenant_of(ALICE)):
        assert tenant_of(ALICE).plan == "growth"


@pytest.mark.parametrize(
    ("page", "has", "typed"),
    [
        ("/settings/safety/", {"part": "words"}, {"words": "kiln"}),
        ("/settings/safety/", {"part": "thresholds"}, {"least_grounding": "0.5"}),
        ("/settings/assistant/", {"version", "instructions"}, {"instructions": "Be short."}),
        ("/settings/data/", {"part": "days"}, {"days_conversations": "30"}),
        ("/settings/security/sso/", {"domain"}, {"domain": "acme.example"}),
    ],
)
def test_clicked_twice_a_form_with_a_version_is_no_conflict_with_itself(
    page: str, has: Any, typed: dict[str, str]
) -> None:
    client = browser_of(ALICE)
    fields = form_in(client.get(page).content, has)
    first, second = (client.post(fields["action"] or page, fields | typed) for _ in range(2))
    assert first.status_code == 302, first.content
    assert second.status_code == 302, second.content
    assert second["Location"] == first["Location"]


def test_a_refused_form_of_rules_keeps_what_was_typed() -> None:
    client = browser_of(ALICE)
    where = "/settings/safety/"
    form = {"version": "0", "part": "thresholds", "t_HATE": "7", "least_grounding": "0.45"}
    page = client.post(where, form)
    assert page.status_code == 422
    kept = form_in(page.content, {"part": "thresholds"})
    assert (kept["t_HATE"], kept["least_grounding"]) == ("7", "0.45")
    form = {"part": "change", "act": "change", "url": "ftp://93.184.215.14", "description": "Kilns"}
    address = webhook()
    page = client.post(address, form)
    assert page.status_code == 422
    kept = form_in(page.content, {"act": "change"})
    assert (kept["url"], kept["description"]) == ("ftp://93.184.215.14", "Kilns")
