"""Every mail that a workspace's people get, sent by its task, in both languages.

With `LOOK_TO=folder` each is put there as it would be received. pytest runs it when it is named:
`python -m pytest -n 0 tests/look/look_at_mails.py`.
"""

import os
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core import mail
from django.utils import timezone

from tests.support.cast import ADA, ALICE, BOB

ALERTS = """
from uuid import UUID
from billing.meters import database_now
from billing.models import Alert
from tenants.context import public_scope
with public_scope("ops"):
    for kind, metric, member, at in (
            ("quota", "model_tokens", None, 90), ("cap", "spend_usd", None, 100),
            ("budget", "spend_usd", None, 80), ("allowance", "model_tokens", "{member}", 100),
            ("storage", "storage_bytes", None, 95)):
        whose = dict(user_id=UUID(member)) if member else dict()
        row = Alert.objects.create(tenant_id=UUID("{tenant}"), kind=kind, metric=metric,
            threshold=at, most=500, used=5 * at,
            period=database_now().date().replace(day=1), **whose)
        print("MADE", row.id)
"""
SEND: dict[str, Callable[[dict[str, Any]], None]] = {}


def sent_by(name: str) -> Callable[..., Any]:
    def add(send: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
        SEND[name] = send
        return send

    return add


@sent_by("invitation")
def _invitation(made: dict[str, Any]) -> None:
    from tenants.accounts.models import Invitation
    from tenants.accounts.tasks import invitation_mail
    from tests.support.clients import user_of

    row = Invitation.objects.create(
        email=f"mia-{uuid4().hex[:6]}@acme.example", role="member", invited_by=user_of(ALICE).id,
        expires_at=timezone.now() + timedelta(days=7),
    )  # fmt: skip
    invitation_mail(str(row.id))


@sent_by("new password")
def _password(made: dict[str, Any]) -> None:
    from tenants.accounts.tasks import password_mail

    password_mail(ALICE.email, ALICE.host)


@sent_by("confirm")
def _confirm(made: dict[str, Any]) -> None:
    from tenants.accounts.models import User
    from tenants.accounts.tasks import confirm_mail

    User.objects.filter(email=ALICE.email).update(email_confirmed_at=None)
    confirm_mail(str(User.objects.get(email=ALICE.email).id))


@sent_by("visit of staff")
def _visit(made: dict[str, Any]) -> None:
    from tenants.accounts.tasks import staff_visit_mail

    staff_visit_mail(made["visit"])


@sent_by("domain gone")
def _domain(made: dict[str, Any]) -> None:
    from tenants.signin.models import EmailDomain
    from tenants.signin.tasks import domain_mail

    row, _ = EmailDomain.objects.get_or_create(
        name="acme.example",
        defaults={"token": "f00d", "verified_at": timezone.now(), "missing_since": timezone.now()},
    )
    domain_mail(str(row.id))


@sent_by("webhook off")
def _webhook(made: dict[str, Any]) -> None:
    from tenants.webhooks.delivering import FAILED_LONG
    from tenants.webhooks.models import Endpoint
    from tenants.webhooks.tasks import webhook_disabled_mail

    row = Endpoint.objects.create(
        url="https://hooks.example/in", secret="x", disabled_at=timezone.now(),
        disabled_why=FAILED_LONG,
    )  # fmt: skip
    webhook_disabled_mail(str(row.id))


@sent_by("invoice")
def _invoice(made: dict[str, Any]) -> None:
    from django.core.cache import cache

    from billing.invoices.mailing import invoice_send
    from billing.models import Invoice

    invoice = Invoice.objects.get(series=2025)
    cache.clear()
    invoice_send(str(invoice.id))


@sent_by("alerts")
def _alerts(made: dict[str, Any]) -> None:
    from billing.alerts.services import alert_tell
    from billing.models import Alert

    Alert.objects.filter(id__in=made["alerts"]).update(told_at=None)
    for alert in made["alerts"]:
        alert_tell(alert)


def _made(manage: Callable[..., str]) -> dict[str, Any]:
    from tenants.context import public_scope
    from tenants.registry.models import Impersonation
    from tests.support.clients import tenant_of, user_of

    tenant, member = tenant_of(ALICE).id, user_of(BOB).id
    told = manage("ops", "shell", "-c", ALERTS.format(tenant=tenant, member=member))
    with public_scope("staff"):
        visit = Impersonation.objects.create(
            tenant_id=tenant, user_id=user_of(ADA).id, staff_id=tenant,
            reason="Their travel policy cannot be found",
            expires_at=timezone.now() + timedelta(minutes=30),
        )  # fmt: skip
    return {"visit": str(visit.id), "alerts": re.findall(r"MADE (\S+)", told)}


def _received(message: Any) -> Iterator[str]:
    """Yield the headers that a reader sees, and the text."""
    yield f"From: {message.from_email}"
    yield f"To: {', '.join(message.to)}"
    yield f"Subject: {message.subject}"
    yield ""
    yield str(message.body)


@pytest.mark.django_db(transaction=True)
def test_every_mail_is_whole_in_both_languages(manage: Callable[..., str]) -> None:
    from tenants.accounts.models import User
    from tenants.accounts.tasks import find_mail
    from tenants.context import entered
    from tests.support.clients import tenant_of

    made, wrong = _made(manage), []
    bodies: dict[str, dict[str, str]] = {}
    for language in ("en", "de"):
        with entered(tenant_of(ALICE)):
            User.objects.update(language=language)
        for name, send in {**SEND, "find": None}.items():
            mail.outbox.clear()
            if send is None:
                find_mail(ALICE.email)
            else:
                with entered(tenant_of(ALICE)):
                    send(made)
            if not mail.outbox:
                wrong.append(f"{name} in {language}: none was sent")
            for number, message in enumerate(mail.outbox):
                text = "\n".join(_received(message))
                bodies.setdefault(f"{name} {number}", {})[language] = str(message.body)
                wrong += [f"{name} in {language}: {each}" for each in _wrong(message)]
                if folder := os.environ.get("LOOK_TO"):
                    file = f"{name} {number} {language}".replace(" ", "-")
                    Path(folder, f"{file}.txt").write_text(text)
    for name, by in bodies.items():
        if len(set(by.values())) != 2:
            wrong.append(f"{name} says the same in both languages")
    assert not wrong, "\n".join(wrong)


def _wrong(message: Any) -> Iterator[str]:
    """Yield what no mail may have: a blank left open, an address that leads elsewhere."""
    text = f"{message.subject}\n{message.body}"
    if re.search(r"\{\{|\{%|%\(|\bNone\b|&(?:amp|#x27|quot|lt);", text):
        yield "something is not filled in"
    if re.search(r"\n{3,}|[ \t]+$|(?<=\S) {2,}", message.body.strip(), re.MULTILINE):
        yield "spaces or lines too many"
    port = settings.BASE_URL.rpartition(":")[2]
    leads = re.findall(r"https?://\S+", message.body)
    if not leads:
        yield "it leads nowhere"
    for address in leads:
        if address != "https://hooks.example/in" and f".localhost:{port}" not in address:
            yield f"it leads to {address}"
