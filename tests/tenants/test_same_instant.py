"""Two saves of one form in one instant: one is kept, and the other is told of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from django.utils import timezone

from assistant.models import WrittenText
from tenants.accounts.models import AuditEvent
from tenants.context import entered
from tenants.signin.models import EmailDomain, Factor, Provider
from tests.support.cast import ALICE, MAX, Person
from tests.support.clients import api, browser_of, tenant_of, user_of
from tests.support.services import Worker
from tests.support.together import together
from tests.tenants.test_changed_meanwhile import (
    SAID,
    collection,
    document,
    form_in,
    group,
    webhook,
)

pytestmark = pytest.mark.django_db(transaction=True)


class Form(NamedTuple):
    person: Person
    page: Callable[[], str]
    has: dict[str, str]
    saves: tuple[dict[str, str], dict[str, str]]
    table: str  # where both are held; `public.` of one that all workspaces share


def second() -> str:
    with entered(tenant_of(ALICE)):
        Factor.objects.create(
            user=user_of(ALICE), kind="app", name="Telephone", last_used_at=timezone.now()
        )
    return "/settings/security/"


def provider() -> str:
    with entered(tenant_of(ALICE)):
        EmailDomain.objects.create(name="acme.example", token="t", verified_at=timezone.now())
        Provider.objects.create(
            kind="oidc", name="Okta", issuer="https://93.184.215.14", state="on"
        )
    return "/settings/security/sso/"


def text() -> str:
    with entered(tenant_of(MAX)):
        made = WrittenText.objects.create(owner=user_of(MAX), task="draft", title="Rota")
        made.versions.create(number=1, content="Mondays: Max.", origin="draft")
    return f"/write/texts/{made.id}/"


FORMS = {
    "role": Form(ALICE, lambda: "/settings/members/", {"role": "viewer"},
                 ({"role": "member"}, {"role": "admin"}), "accounts_user"),
    "collection": Form(MAX, collection, {"access": "everybody"},
                       ({"access": "members"}, {"name": "Payroll 2026"}), "search_collection"),
    "cap": Form(ALICE, lambda: "/usage/limits/", {"part": "cap", "usd": ""},
                ({"usd": "40"}, {"usd": "9000"}), "public.billing_spendcontrol"),
    "allowance": Form(ALICE, lambda: "/usage/limits/", {"part": "allowance"},
                      ({"model_tokens": "500"}, {"spend_usd": "7"}), "public.billing_allowance"),
    "alerts": Form(ALICE, lambda: "/usage/alerts/", {"to_admins": "on"},
                   ({"quota": "50, 90"}, {"cap": "60"}), "public.billing_alertsettings"),
    "webhook": Form(ALICE, webhook, {"act": "change"},
                    ({"description": "Payroll"}, {"url": "https://93.184.215.14/other"}),
                    "webhooks_endpoint"),
    "group": Form(ALICE, group, {"act": "rename"},
                  ({"name": "Weavers"}, {"name": "Dyers"}), "accounts_membergroup"),
    "document's name": Form(MAX, document, {"name": "Handbook.md"},
                            ({"name": "Rules.md"}, {"name": "Guide.md"}), "documents_document"),
    "document's tags": Form(MAX, document, {"tags": ""},
                            ({"tags": "2026"}, {"tags": "draft"}), "search_tagging"),
    "text": Form(MAX, text, {"title": "Rota"},
                 ({"title": "Rota 2026"}, {"title": "Summer rota"}), "assistant_writtentext"),
    "second factor": Form(ALICE, second, {"second": "optional"},
                          ({"second": "admins"}, {"second": "everyone"}), "signin_signinpolicy"),
    "provider's state": Form(ALICE, provider, {"state": "on"},
                             ({"state": "off"}, {"state": "off"}), "signin_provider"),
}  # fmt: skip


def test_of_two_saves_in_one_instant_one_is_kept_and_the_other_told(worker: Worker) -> None:
    wrong: dict[str, Any] = {}
    for name, form in FORMS.items():
        page, tabs = form.page(), [browser_of(form.person) for _ in range(2)]
        sent = [form_in(tab.get(page).content, form.has) for tab in tabs]
        where = sent[0].pop("action", "") or page
        schema, _, table = form.table.rpartition(".")

        def save(number: int, tabs: Any = tabs, where: str = where, sent: Any = sent,
                 saves: Any = form.saves) -> Any:  # fmt: skip
            return tabs[number].post(where, sent[number] | saves[number] | {"action": ""})

        answers = together(
            worker,
            (schema or tenant_of(form.person).schema, table),
            lambda: save(0),
            lambda: save(1),
        )
        told = [answer for answer in answers if answer.status_code in (409, 422)]
        if [answer.status_code for answer in answers].count(302) != 1 or len(told) != 1:
            wrong[name] = [answer.status_code for answer in answers]
        elif SAID not in told[0].content.decode():
            wrong[name] = "refused without a word"
    assert not wrong


def test_a_plan_is_changed_once_by_two_in_one_instant(worker: Worker) -> None:
    where = "/usage/plans/enterprise/"
    tabs = [browser_of(ALICE) for _ in range(2)]
    sent = [form_in(tab.get(where).content, {"seen"}) for tab in tabs]
    answers = together(
        worker,
        ("public", "billing_billingaccount"),
        lambda: tabs[0].post(where, sent[0]),
        lambda: tabs[1].post(where, sent[1]),
    )
    assert sorted(answer["Location"] for answer in answers) == ["/usage/plans/", where]
    with entered(tenant_of(ALICE)):
        assert AuditEvent.objects.filter(action="plan.upgrade").count() == 1


def test_a_plan_chosen_twice_by_programs_is_changed_once(worker: Worker) -> None:
    owner = api(ALICE)
    begins = []
    for plan, action, answered in (
        ("enterprise", "plan.upgrade", [200, 422]),  # by then the workspace is on it
        ("growth", "plan.downgrade", [200, 200]),
    ):

        def choose(where: str = f"/api/v1/plans/{plan}/choose/") -> Any:
            return owner.post(where)

        answers = together(worker, ("public", "billing_billingaccount"), choose, choose)
        assert sorted(answer.status_code for answer in answers) == answered, plan
        begins += [answer.json().get("begins") for answer in answers]
        with entered(tenant_of(ALICE)):
            assert AuditEvent.objects.filter(action=action).count() == 1
    assert begins[2] == begins[3]


def test_a_domain_that_two_tabs_remove_in_one_instant_is_removed_once(worker: Worker) -> None:
    with entered(tenant_of(ALICE)):
        domain = EmailDomain.objects.create(name="acme.example", token="t")
    tabs = [browser_of(ALICE) for _ in range(2)]
    where = f"/settings/security/domains/{domain.id}/remove/"
    table = (tenant_of(ALICE).schema, "signin_emaildomain")
    answers = together(worker, table, lambda: tabs[0].post(where), lambda: tabs[1].post(where))
    assert sorted(answer.status_code for answer in answers) == [302, 404]
    with entered(tenant_of(ALICE)):
        assert AuditEvent.objects.filter(action="domain.remove").count() == 1
