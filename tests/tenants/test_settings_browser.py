"""Groups, domains and leaving in a browser: two tabs, a double click; what is refused stays."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tenants.accounts.groupmodels import GroupMember, MemberGroup
from tenants.accounts.models import AuditEvent
from tenants.context import entered
from tenants.signin.models import EmailDomain
from tests.support.browser import check, settled
from tests.support.cast import ALICE, MAX, PASSWORD
from tests.support.clients import tenant_of
from tests.support.nameserver import NameServer

GROUPS, DOMAINS, DATA = "/settings/groups/", "/settings/security/sso/", "/settings/data/"


def deeds(action: str) -> int:
    with entered(tenant_of(ALICE)):
        return AuditEvent.objects.filter(action=action).count()


def tabs(page: Page, address: str) -> tuple[Page, Page]:
    other = page.context.pages[1] if len(page.context.pages) > 1 else page.context.new_page()
    for tab in (page, other):
        tab.goto(address)
        settled(tab)
    return page, other


def part(page: Page, title: str) -> Locator:
    return page.locator("section", has=page.get_by_role("heading", name=title, exact=True))


def told(page: Page, words: str) -> None:
    expect(page.locator("main, .toasts, body").first).to_contain_text(words)
    settled(page)


def test_groups_domains_and_leaving_are_done_once_and_keep_what_is_refused(
    host: str, page: Page, names: NameServer
) -> None:
    with entered(tenant_of(ALICE)):
        for name in ("Potters", "Dyers"):
            MemberGroup.objects.create(name=name)
    page.goto(f"{host}/sign-in/?next={GROUPS}")
    page.fill("[name=email]", ALICE.email)
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{GROUPS}")
    settled(page)

    potters = part(page, "Potters")
    potters.get_by_text("Rename").first.click()
    potters.locator("[name=name]").fill("dyers")
    potters.get_by_role("button", name="Rename").dblclick()
    told(page, "A group of this name exists already")
    expect(potters.locator("[name=name]")).to_have_value("dyers")
    expect(potters.locator("[name=name]")).to_be_visible()
    expect(page.locator("#group-name")).to_have_value("")
    check(page)
    potters.locator("[name=email]").fill("nobody@acme.example")
    potters.get_by_role("button", name="Add").click()
    told(page, "There is no such active member")
    expect(potters.locator("[name=email]")).to_have_value("nobody@acme.example")
    expect(part(page, "Dyers").locator("[name=email]")).to_have_value("")
    for tab in tabs(page, host + GROUPS):
        part(tab, "Potters").locator("[name=email]").fill(MAX.email)
        part(tab, "Potters").get_by_role("button", name="Add").dblclick()
        told(tab, "Groups saved")
    with entered(tenant_of(ALICE)):
        assert GroupMember.objects.count() == 1
        assert set(MemberGroup.objects.values_list("name", flat=True)) == {"Potters", "Dyers"}

    for tab in tabs(page, host + DOMAINS):
        tab.locator("#id_domain").fill("acme.example")
        tab.locator("form:has(#id_domain) button").dblclick()
        told(tab, "Add the TXT record for acme.example")
    with entered(tenant_of(ALICE)):
        domain = EmailDomain.objects.get()
    verify = re.compile("^Verify acme.example")
    page.get_by_role("button", name=verify).dblclick()
    told(page, "has no TXT record with this text yet")
    names.texts[f"_tenantry.{domain.name}"] = [f"tenantry-verification={domain.token}"]
    for tab in tabs(page, host + DOMAINS):
        tab.get_by_role("button", name=verify).dblclick()
        told(tab, "acme.example is verified")
    assert (deeds("domain.add"), deeds("domain.verify")) == (1, 1)
    for tab, heading in zip(
        tabs(page, host + DOMAINS), ("Single sign-on", "Nothing is here"), strict=True
    ):
        tab.get_by_role("button", name="Remove acme.example").click()
        tab.locator("dialog [data-confirm-action]").dblclick()
        expect(tab.get_by_role("heading", level=1)).to_have_text(heading)
        settled(tab)
    assert deeds("domain.remove") == 1

    first, second = tabs(page, host + DATA)
    first.locator("#slug").fill("elsewhere")
    first.get_by_role("button", name="Erase this workspace").click()
    told(first, "nothing was asked for")
    for tab, said in ((first, "All of it is erased on"), (second, "is leaving already")):
        tab.locator("#slug").fill(ALICE.workspace)
        tab.get_by_role("button", name="Erase this workspace").dblclick()
        told(tab, said)
    for tab, said in ((first, "The workspace stays"), (second, "No erasure")):
        tab.get_by_role("button", name="Stay after all").dblclick()
        told(tab, said)
    assert (deeds("workspace.leaving"), deeds("workspace.staying")) == (1, 1)
