"""A workspace with a provider, and browsers that go there and back."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django.test import Client
from django.utils import timezone

from tenants.context import entered
from tenants.lifecycle.naming import url_for
from tenants.signin.models import EmailDomain, OpenSession
from tests.support.cast import ADA, Person
from tests.support.clients import signed_in, stranger, tenant_of
from tests.support.openid import SECRET, OpenId

SETTINGS = "/settings/security/sso/"
CODE = re.compile(r'<span class="callout__code">(\w+)</span>')


def code_on(answer: Any) -> str:
    """Return the stable code on a page; empty where it tells of none."""
    found = CODE.search(answer.content.decode())
    return found[1] if found else ""


def proved(person: Person, name: str | None = None) -> None:
    """Let the person's workspace have proved a domain."""
    with entered(tenant_of(person)):
        EmailDomain.objects.get_or_create(
            name=name or f"{person.workspace}.example",
            defaults={"token": "t", "verified_at": timezone.now()},
        )


def form_of(openid: OpenId, person: Person = ADA, **more: str) -> dict[str, str]:
    return {
        "kind": "oidc", "name": "Okta", "issuer": openid.issuer, "secret": SECRET,
        "client_id": f"client-of-{person.workspace}", "role": "viewer", "joins": "on",
        "hours": "12", **more,
    }  # fmt: skip


def with_openid(openid: OpenId, person: Person = ADA, state: str = "on", **more: str) -> Client:
    """Set the provider up by the pages, test it and switch it; return the admin's browser."""
    redirect = f"{url_for(person.workspace)}/sign-in/sso/oidc/"
    openid.client(f"client-of-{person.workspace}", redirect)
    proved(person)
    admin = signed_in(person)
    saved = admin.post(SETTINGS, form_of(openid, person, **more))
    assert saved.status_code == 302, code_on(saved) or saved.content
    if state != "off":
        tested = there_and_back(openid, admin, admin.post(f"{SETTINGS}test/"), person.email)
        assert "The test passed" in tested.content.decode(), code_on(tested)
        switched = admin.post(f"{SETTINGS}state/", {"state": state})
        assert switched.status_code == 302, switched.content
    return admin


def there_and_back(openid: OpenId, client: Client, out: Any, email: str) -> Any:
    """Follow a redirect to the provider, sign in there, and come back."""
    assert out.status_code == 302, out.content
    return client.get(path_of(openid.asked(out["Location"], email)))


def path_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def come_in(
    openid: OpenId, email: str, person: Person = ADA, then: str = "/documents/"
) -> tuple[Client, Any]:
    """Sign in by the provider with a new browser; return it and the last answer."""
    client = stranger(person.host)
    out = client.get(f"/sign-in/sso/?next={then}")
    return client, there_and_back(openid, client, out, email)


def sessions_by(how: str, person: Person = ADA) -> list[OpenSession]:
    with entered(tenant_of(person)):
        return list(OpenSession.objects.filter(how=how).select_related("user"))
