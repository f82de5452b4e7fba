"""HTTP as each of the cast: in-process clients that go through every middleware."""

from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client, RequestFactory

from tenants.accounts.models import User
from tenants.accounts.services import sign_in
from tenants.context import TenantContext, entered
from tenants.registry.selectors import tenant_by_host
from tests.support.cast import PASSWORD, Person


def tenant_of(person: Person) -> TenantContext:
    """Return the tenant that the person belongs to."""
    return tenant_by_host(person.host)


def user_of(person: Person) -> User:
    """Return the person's row."""
    with entered(tenant_of(person)):
        return User.objects.get(email=person.email)


def api(person: Person, host: str | None = None) -> Client:
    """Return a client with the person's API key, on the person's host or another."""
    return Client(
        headers={"Authorization": f"Bearer {person.key}", "Host": host or person.host},
    )


def browser_of(person: Person) -> Client:
    """Return a client with a session, begun as the form begins it, in a third of its time.

    Nothing asks for the password or for a second factor: `signed_in` goes through the form.
    """
    client = Client(headers={"Host": person.host})
    request = RequestFactory(headers={"Host": person.host}).post("/sign-in/")
    request.session = SessionStore()
    with entered(tenant_of(person)):
        sign_in(request, User.objects.get(email=person.email))
        request.session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = request.session.session_key
    return client


def signed_in(person: Person) -> Client:
    """Return a client that has signed in through the form."""
    client = Client(headers={"Host": person.host})
    answer = client.post("/sign-in/", {"email": person.email, "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    return client


def staff_client(name: str = "staff") -> Client:
    """Return a client that has signed in to the admin: an administrator, or a role's colleague."""
    client = Client(headers={"Host": "localhost"})
    answer = client.post(
        "/admin/login/?next=/admin/",
        {"username": f"{name}@tenantry.example", "password": PASSWORD},
    )
    assert answer.status_code == 302, answer.content
    return client


def stranger(host: str) -> Client:
    """Return a client without key or session."""
    return Client(headers={"Host": host})


def code_of(answer: Any) -> str:
    """Return the stable code of a problem document."""
    assert answer["Content-Type"].startswith("application/problem+json"), answer.content
    return str(answer.json()["code"])
