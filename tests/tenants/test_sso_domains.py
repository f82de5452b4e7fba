"""Domains are proved by DNS: asked of a name server on loopback."""

import re

import pytest

from tenants.accounts.models import AuditEvent
from tenants.context import entered
from tenants.signin.models import EmailDomain, Provider
from tests.support.cast import ADA, CHARLIE, Person
from tests.support.clients import signed_in, tenant_of
from tests.support.nameserver import NameServer

pytestmark = pytest.mark.django_db
DOMAINS = "/settings/security/domains/"


def added(person: Person, name: str) -> EmailDomain:
    signed_in(person).post(DOMAINS, {"domain": name})
    with entered(tenant_of(person)):
        return EmailDomain.objects.get()


def test_a_domain_is_proved_by_its_own_token_alone(names: NameServer) -> None:
    admin = signed_in(ADA)
    assert admin.post(DOMAINS, {"domain": "@Acme.Example."}).status_code == 302
    page = admin.get("/settings/security/sso/").content.decode()
    assert "_tenantry.acme.example" in page
    found = re.search(r"tenantry-verification=[0-9a-f]{32}", page)
    assert found
    with entered(tenant_of(ADA)):
        domain = EmailDomain.objects.get()
    theirs = added(CHARLIE, "acme.example")
    verify = f"{DOMAINS}{domain.id}/verify/"
    for texts in (None, [], ["v=spf1 -all"], [f"tenantry-verification={theirs.token}"]):
        names.texts = {} if texts is None else {"_tenantry.acme.example": texts}
        refused = admin.post(verify)
        assert refused.status_code == 422 and "no TXT record" in refused.content.decode()
    names.ill = True
    away = admin.post(verify)
    assert away.status_code == 422 and "name servers did not answer" in away.content.decode()
    names.ill = False
    names.texts["_tenantry.acme.example"] = ["v=spf1 -all", found[0]]
    assert signed_in(CHARLIE).post(f"{DOMAINS}{domain.id}/verify/").status_code == 404
    assert admin.post(verify).status_code == 302
    with entered(tenant_of(ADA)):
        assert EmailDomain.objects.get().verified_at
        actions = AuditEvent.objects.filter(action__startswith="domain.").order_by("id")
        assert [row.action for row in actions] == ["domain.add", "domain.verify"]
    with entered(tenant_of(CHARLIE)):
        assert EmailDomain.objects.get().verified_at is None


@pytest.mark.parametrize(
    "name", ["", "com", "https://acme.example", "a b.example", "10.0.0.1", "x" * 64 + ".example",
             "-a.example", "acme..example"]
)  # fmt: skip
def test_what_is_no_domain_is_refused(name: str) -> None:
    page = signed_in(ADA).post(DOMAINS, {"domain": name})
    assert page.status_code == 422 and "Give a domain like" in page.content.decode()


def test_the_last_verified_domain_stays_while_the_provider_is_required(names: NameServer) -> None:
    domain = added(ADA, "bücher.example")
    assert domain.name == "xn--bcher-kva.example"
    names.texts[f"_tenantry.{domain.name}"] = [f"tenantry-verification={domain.token}"]
    admin = signed_in(ADA)
    admin.post(f"{DOMAINS}{domain.id}/verify/")
    with entered(tenant_of(ADA)):
        Provider.objects.create(kind="oidc", name="Okta", issuer="https://x", state="required")
    remove = f"{DOMAINS}{domain.id}/remove/"
    assert admin.post(remove).status_code == 422
    with entered(tenant_of(ADA)):
        Provider.objects.update(state="on")
    assert admin.post(remove).status_code == 302
