"""Staff's forms: added once, never over another's save, and never a 5xx whatever is typed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from django import forms
from django.urls import reverse

from billing.invoices.models import AccountCredit, BillingAccount
from billing.models import Plan, PlanLimit, Price
from tenants.context import public_scope
from tests.billing.calls import MODEL
from tests.support.cast import ALICE
from tests.support.clients import browser_of, staff_client, tenant_of
from tests.support.services import Worker
from tests.support.together import together

pytestmark = pytest.mark.django_db(transaction=True)
CREDITS: Final = "/admin/billing/accountcredit/add/"
# Kind of field -> what is typed into it.
TYPED: Final[dict[type[forms.Field], tuple[str, ...]]] = {
    forms.JSONField: ("9" * 10_000, '"\\ud800"', '{"\\u0000": 1}', "[" * 9_999, "[]", "null"),
    forms.DateField: ("0001-01-01", "9999-12-31", "31.12.9999"),
    forms.IntegerField: ("9" * 10_000, "9" * 30, "-1", "NaN", "\u0665"),
    forms.DecimalField: ("9" * 10_000, "1e999999", "-1", "NaN", "\u0665"),
    forms.CharField: (
        "n" * 10_000,
        "invoice\u202egnp.exe",
        "ot\x00ter",
        "\u200b",
        "<script>alert(1)</script>",
    ),
}


def filled(page: Any, **typed: str) -> dict[str, str]:
    """Return what the page's form sends, with these fields typed."""
    form = page.context["adminform"].form
    sent = {"once": hidden(page, "once"), "seen": hidden(page, "seen")}
    for bound in [*form, *(each for inline in page.context["inline_admin_formsets"]
                           for one in [inline.formset.management_form, *inline.formset.forms]
                           for each in one)]:  # fmt: skip
        value = bound.value()
        if value is not None and value is not False:
            sent[bound.html_name] = str(bound.field.prepare_value(value))
    return {**sent, **typed}


def hidden(page: Any, name: str) -> str:
    found = page.content.decode().partition(f'name="{name}" value="')[2].partition('"')[0]
    return str(found)


def test_a_credit_that_is_sent_again_is_granted_once() -> None:
    staff = staff_client("finance")
    sent = filled(staff.get(CREDITS), tenant_id=ALICE.workspace, usd="25", reason="A bad week")
    answers = [staff.post(CREDITS, sent) for _ in range(2)]
    assert [each.status_code for each in answers] == [302, 302]
    refused = staff.post(CREDITS, filled(staff.get(CREDITS), usd="25", reason="A bad week"))
    assert refused.status_code == 422
    assert "This field is required" in refused.content.decode()
    again = staff.post(CREDITS, {**sent, "once": hidden(refused, "once")})  # meant once more
    assert again.status_code == 302
    with public_scope("staff"):
        assert AccountCredit.objects.count() == 2


def test_a_form_that_was_filled_in_before_anothers_save_is_refused_and_keeps_what_was_typed() -> (
    None
):
    tenant = tenant_of(ALICE)
    with public_scope("staff"):
        account = BillingAccount.blank(tenant.id)
        account.name = "Acme Ltd"
        account.save()
    where = f"/admin/billing/billingaccount/{tenant.id}/change/"
    staff = staff_client("finance")
    opened = staff.get(where)
    owner = browser_of(ALICE)
    told = {
        "name": "Acme GmbH",
        "address": "Ring 1",
        "tax_number": "",
        "email": "",
        "locale": "de-DE",
    }
    assert owner.post("/usage/invoices/details/", told).status_code == 302
    refused = staff.post(where, filled(opened, tax_percent="19"))
    page = refused.content.decode()
    assert refused.status_code == 422
    assert "changed after you had opened the page" in page
    assert "Now it holds" in page and "Name: Acme GmbH" in page
    assert filled(refused)["tax_percent"] == "19"
    with public_scope("staff"):
        assert BillingAccount.objects.get(tenant_id=tenant.id).name == "Acme GmbH"
    assert staff.post(where, filled(refused, name="Acme GmbH")).status_code == 302
    with public_scope("staff"):
        saved = BillingAccount.objects.get(tenant_id=tenant.id)
    assert (saved.name, saved.tax_percent) == ("Acme GmbH", 19)


def test_rows_inside_another_are_not_put_back_or_lost_either() -> None:
    where, staff, other = "/admin/billing/plan/craft/change/", staff_client(), staff_client()
    with public_scope("staff"):
        plan = Plan.objects.get(code="growth")
        plan.code, plan.name = "craft", "Craft"
        plan.save(force_insert=True)
        for metric in ("model_tokens", "storage_bytes"):
            PlanLimit.objects.create(plan=plan, metric=metric, included=5)
    opened = staff.get(where)
    gone = filled(other.get(where), **{"limits-0-DELETE": "on"})
    assert other.post(where, gone).status_code == 302
    refused = staff.post(where, filled(opened, name="Crafts"))
    assert refused.status_code == 422
    assert "changed after you had opened the page" in refused.content.decode()
    with public_scope("staff"):
        assert Plan.objects.get(code="craft").name == "Craft"
        assert PlanLimit.objects.filter(plan="craft").count() == 1


def test_of_two_saves_in_one_instant_the_second_is_told_of_the_first(worker: Worker) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    with public_scope("staff"):
        price = Price.objects.create(
            model=MODEL, route="region", unit="input_tokens", usd=1, effective_from=tomorrow
        )
    where = f"/admin/billing/price/{price.pk}/change/"
    staff = [staff_client(), staff_client("finance")]
    sent = [filled(each.get(where), usd=usd) for each, usd in zip(staff, "23", strict=True)]

    def save(number: int) -> int:
        return staff[number].post(where, sent[number]).status_code

    told = together(worker, ("public", "billing_price"), lambda: save(0), lambda: save(1))
    assert sorted(told) == [302, 422]


def test_whatever_is_typed_into_a_form_of_staffs_is_kept_or_refused_with_a_word() -> None:
    staff, wrong, lists = staff_client(), [], set()
    for where, valid in pages():
        opened = staff.get(where)
        assert opened.status_code == 200, where
        usual = filled(opened, **valid, once="", seen="")
        for typed in strange(opened, alone=bool(valid)):
            answer = staff.post(where, {**usual, **typed})
            page = answer.content.decode()
            if answer.status_code not in (302, 422) or "<script>alert" in page:
                wrong.append((where, typed, answer.status_code))
            elif answer.status_code == 422 and "errornote" not in page:
                wrong.append((where, typed, "refused without a word"))
            elif "is violated" in page:
                wrong.append((where, typed, "refused by the name of a constraint"))
            elif answer.status_code == 302:
                lists.add(answer["Location"])
    wrong += [(where, "afterwards") for where in lists if staff.get(where).status_code != 200]
    assert not wrong


def strange(page: Any, *, alone: bool) -> Iterator[dict[str, str]]:
    """Yield what is typed: into all fields, and what can be kept also into one `alone`."""
    kinds: dict[str, type[forms.Field]] = {}
    for each in page.context["adminform"].form:
        if kind := next((kind for kind in TYPED if isinstance(each.field, kind)), None):
            kinds[each.html_name] = kind
    for number in range(max(map(len, TYPED.values()))):
        yield {name: TYPED[kind][number % len(TYPED[kind])] for name, kind in kinds.items()}
    for name, kind in kinds.items():
        for value in TYPED[kind] if alone and kind is not forms.CharField else ():
            yield {name: value}


def pages() -> list[tuple[str, dict[str, str]]]:
    """Return forms with what fills them in: of a row, and some that add one."""
    later = "2031-01-01"
    return [
        ("/admin/billing/plan/growth/change/", {}),
        (CREDITS, {"tenant_id": ALICE.workspace, "usd": "25", "reason": "A bad week"}),
        ("/admin/billing/creditgrant/add/",
         {"name": "Activate", "program": "activate", "amount_usd": "100", "starts_on": "2026-01-01",
          "expires_on": later}),
        ("/admin/billing/billingaccount/add/", {"tenant_id": ALICE.workspace, "tax_percent": "19"}),
        ("/admin/billing/price/add/",
         {"model": "of.tests", "unit": "input_tokens", "usd": "1", "effective_from": later}),
        ("/admin/billing/planversion/add/",
         {"plan": "growth", "effective_from": later, "terms": "{}"}),
    ]  # fmt: skip


def address(name: str, *args: Any) -> str:
    return reverse(name, urlconf="config.urls_public", args=args)
