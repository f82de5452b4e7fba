"""Deliver webhooks. A task may be delivered any number of times; a row is sent by one at a time."""

from typing import Any, Final
from uuid import UUID

from celery import shared_task
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils.translation import gettext, override

from tenants.accounts.models import Role, User
from tenants.context import current
from tenants.languages import language_of
from tenants.lifecycle.naming import url_for
from tenants.mailing import MAILS, mails_send
from tenants.tasks import in_each_tenant, tenant_task
from tenants.webhooks.delivering import deliver, deliveries_due, deliveries_tidy
from tenants.webhooks.models import Endpoint

SOON: Final = 60.0  # seconds; a longer wait is left to the schedule


@tenant_task(name="webhooks.deliver", time_limit=60)
def webhook_deliver(delivery_id: str) -> None:
    """Make one attempt; a next one that is soon is a message of its own."""
    again = deliver(UUID(delivery_id))
    if again is not None and again <= SOON:
        webhook_deliver.dispatch_in(again + 0.1, delivery_id)


@tenant_task(name="webhooks.disabled_mail", **MAILS)
def webhook_disabled_mail(endpoint_id: str) -> None:
    """Tell admins that nothing is sent to an endpoint any more, and why."""
    endpoint = Endpoint.objects.filter(id=endpoint_id, disabled_at__isnull=False).first()
    if endpoint is None:
        return
    context = {"endpoint": endpoint, "workspace": current().name, "url": url_for(current().slug)}
    admins = User.objects.filter(role__in=[Role.ADMIN, Role.OWNER], is_active=True)
    mails = []
    for admin in admins.filter(is_service=False):
        with override(language_of(admin)):
            text = render_to_string("settings/webhook_disabled_email.txt", context)
            subject = gettext("A webhook was switched off")
            mails.append(EmailMessage(subject, text, to=[admin.email]))
    mails_send(mails)


def _send_due() -> None:
    for delivery_id in deliveries_due():
        webhook_deliver.dispatch(str(delivery_id))


@shared_task(name="webhooks.due")
def webhooks_due() -> None:
    """Send what is due in every workspace: retries, and what a lost message left behind."""
    in_each_tenant(_send_due, failed="webhooks.due_failed")


@shared_task(name="webhooks.tidy")
def webhooks_tidy() -> None:
    """Remove old deliveries in every workspace."""
    in_each_tenant(deliveries_tidy, failed="webhooks.tidy_failed")


BEAT: Final[dict[str, dict[str, Any]]] = {
    "webhooks.due": {"task": "webhooks.due", "schedule": 60.0, "options": {"expires": 55}},
    "webhooks.tidy": {"task": "webhooks.tidy", "schedule": 86400.0, "options": {"expires": 3600}},
}
