"""Mails go out by SMTP, again where the server is away, and say what they are for."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tenants.accounts.models import Invitation, User
from tenants.accounts.tasks import invitation_mail, password_mail
from tenants.context import entered
from tenants.webhooks.models import Endpoint
from tenants.webhooks.tasks import webhook_disabled_mail
from tests.support.cast import ADA, ALICE
from tests.support.clients import tenant_of, user_of
from tests.support.mailserver import mail_server

pytestmark = pytest.mark.django_db


def test_a_mail_server_that_is_away_for_a_moment_loses_no_mail(settings: Any) -> None:
    with mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        tenant = tenant_of(ALICE)
        with entered(tenant):
            User.objects.filter(email=ADA.email).update(language="de")
            invitation = Invitation.objects.create(
                email="mia@acme.example", role="member", invited_by=user_of(ADA).id,
                expires_at=timezone.now() + timedelta(days=7),
            )  # fmt: skip
        server.busy = 2
        sent = invitation_mail.task.apply(args=(str(tenant.id), str(invitation.id)))
        assert sent.successful() and server.busy == 0
        [mail] = server.received
        assert (mail["To"], mail["Subject"]) == (
            "mia@acme.example",
            "Acme Works auf Tenantry beitreten",
        )
        assert "http://acme.localhost" in mail.get_content()
        # Nobody's address: nothing is sent, however often it is asked for.
        password_mail.task.apply(args=(str(tenant.id), "nobody@acme.example", ALICE.host))
        assert len(server.received) == 1
        # An address that is refused keeps no other mail back, and brings none a second time.
        with entered(tenant):
            endpoint = Endpoint.objects.create(
                url="https://hooks.example/in", secret="x", disabled_at=timezone.now()
            )
        server.refused, server.received = ADA.email, []
        told = webhook_disabled_mail.task.apply(args=(str(tenant.id), str(endpoint.id)))
        assert told.successful() and [each["To"] for each in server.received] == [ALICE.email]
