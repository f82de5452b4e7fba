"""What staff confirm is carried out once: by a second click, and by a page that is sent again."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final

import pytest
from django.utils import timezone

from billing.models import Price
from tenants.accounts.models import AuditEvent, User
from tenants.context import public_scope
from tenants.registry.models import Impersonation
from tenants.signin.models import Factor
from tests.billing.calls import MODEL
from tests.support.cast import ADA, ALICE
from tests.support.clients import browser_of, staff_client, tenant_of

pytestmark = pytest.mark.django_db(transaction=True)
LIST: Final = "/admin/registry/tenant/"
VISIT: Final = "/admin/registry/impersonation/begin/"
IMPORT: Final = "/admin/billing/price/import/"
FACTORS: Final = "/admin/second-factor/"
CODES: Final = f"{FACTORS}codes/"
WHY: Final = "Its owner asked us to, by mail"


def key(page: Any, *, last: bool = False) -> str:
    """Return the key of the page's form, or of its last."""
    found = re.findall(r'name="once" value="([^"]+)"', page.content.decode())
    return str(found[-1 if last else 0])


def deeds(action: str) -> int:
    with public_scope("staff"):
        return AuditEvent.objects.filter(action=action).count()


def test_a_step_that_is_sent_again_is_taken_once_and_not_called_refused() -> None:
    staff = staff_client()
    chosen = {"_selected_action": str(tenant_of(ALICE).id)}
    for name in ("suspend", "resume", "provision"):
        form = {"action": name, **chosen}
        form |= {"once": key(staff.post(LIST, form)), "confirmed": "1"}
        short = staff.post(LIST, {**form, "reason": "Why"})
        assert short.status_code == 422 and ">Why</textarea>" in short.content.decode()
        form |= {"once": key(short), "reason": WHY}
        pages = [staff.post(LIST, form, follow=True) for _ in range(2)]
        assert [each.redirect_chain for each in pages] == [[(LIST, 302)]] * 2
        assert not any("stays as it is" in each.content.decode() for each in pages)
        assert deeds(f"workspace.{name}") == 1, name


def test_a_visit_that_is_asked_for_again_leads_to_the_one_that_has_begun() -> None:
    owner, staff = browser_of(ALICE), staff_client()
    page = owner.get("/settings/data/").content.decode()
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version
    owner.post("/settings/data/", {"part": "staff", "staff_access": "read", "version": version[1]})
    where = f"{VISIT}?tenant={tenant_of(ADA).id}"
    form = {"once": key(staff.get(where)), "email": ADA.email, "reason": WHY}
    first, again = (staff.post(where, form) for _ in range(2))
    assert first["Location"] == again["Location"]
    with public_scope("staff"):
        assert Impersonation.objects.count() == 1


def test_a_file_of_prices_that_is_sent_again_is_taken_once() -> None:
    staff, soon = staff_client(), timezone.now().date() + timedelta(days=10)
    named = "model,route,unit,usd,per,effective_from,effective_until"
    text = f"{named}\n{MODEL},region,input_tokens,0.05,1000000,{soon},\n"
    shown = staff.post(IMPORT, {"text": text})
    form = {"once": key(shown, last=True), "confirmed": "1", "text": text}
    assert [staff.post(IMPORT, form).status_code for _ in range(2)] == [302, 302]
    with public_scope("staff"):
        assert Price.objects.filter(effective_from=soon).count() == 1
    assert deeds("prices.import") == 1


def test_recovery_codes_that_are_asked_for_again_are_those_that_hold() -> None:
    staff = staff_client()
    with public_scope("staff"):
        user = User.objects.get(email="staff@tenantry.example")
        Factor.objects.create(user=user, kind="app", name="Telephone", last_used_at=timezone.now())
    page = staff.get(FACTORS).content.decode()
    form = {"once": page.partition(f'action="{CODES}"')[2].partition('once" value="')[2][:36]}
    first, again = (staff.post(CODES, form).content.decode() for _ in range(2))
    shown = re.search(r'id="recovery-codes"><code>([^<]+)<', first)
    assert shown and shown[1] in again
