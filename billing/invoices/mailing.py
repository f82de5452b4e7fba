"""An issued invoice goes by mail to whom it is addressed, with its PDF."""

from typing import Final
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, override

from billing.invoices.money import money_in
from billing.invoices.selectors import invoice_of
from tenants.accounts.models import Role, User
from tenants.accounts.readers import by_language
from tenants.context import current
from tenants.errors import NotFound
from tenants.wording import day, month

REMEMBERED: Final = 30 * 24 * 3600
BODY: Final = gettext_noop(
    "Invoice %(name)s of %(workspace)s for %(month)s is %(total)s, due on %(due)s.\n"
    "\n"
    "It is attached, and every line of it opens down to its requests here:\n"
    "%(address)s\n"
)


def invoice_send(invoice_id: str) -> None:
    """Send it once; a task that runs again finds that it was sent."""
    from billing.invoices.pdf import invoice_pdf  # what draws it holds five megabytes

    try:
        invoice = invoice_of(UUID(invoice_id))
    except (NotFound, ValueError):
        return
    owners = User.objects.filter(role=Role.OWNER, is_active=True).values_list("email", flat=True)
    to = [invoice.bill_to.get("email")] if invoice.bill_to.get("email") else list(owners)
    mark = f"invoice-mail:{invoice.id}"
    if not to or invoice.due_on is None or not cache.add(mark, 1, REMEMBERED):
        return
    port = settings.BASE_URL.removeprefix(f"{settings.PUBLIC_SCHEME}://{settings.BASE_HOST}")
    host = f"{current().slug}.{settings.BASE_HOST}{port}"
    total = money_in(invoice.bill_to.get("locale", ""), invoice.total)
    readers = by_language(to)
    # One mail to all of them: in their language where it is the same, else in English.
    with override(next(iter(readers)) if len(readers) == 1 else settings.LANGUAGE_CODE):
        told = {
            "name": invoice.name,
            "workspace": invoice.workspace,
            "month": month(invoice.period),
            "total": total,
            "due": day(invoice.due_on),
            "address": f"{settings.PUBLIC_SCHEME}://{host}/usage/invoices/{invoice.id}/",
        }
        subject = _("Invoice %(name)s for %(month)s") % told
        message = EmailMessage(subject, _(BODY) % told, to=to)
    message.attach(
        f"invoice-{invoice.name}.pdf", invoice_pdf(invoice, list(invoice.lines.all())),
        "application/pdf",
    )  # fmt: skip
    try:
        message.send()
    except OSError:
        cache.delete(mark)  # so that the next try sends it
        raise
