"""The steps of an invoice: issued with the next number, held, released, void, paid.

draft ⇄ held, draft → issued → paid; a draft, a held or an issued one can be made void. Each step
locks the invoice, so that two people cannot take it twice.
"""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from billing.errors import NotAllowed
from billing.invoices.models import Invoice, InvoiceSeries
from billing.meters import database_now
from tenants.accounts.audit import audit_write
from tenants.context import Actor
from tenants.errors import Invalid, NotFound

DUE_IN: Final = timedelta(days=30)
State = Invoice.State
ROWS: Final = "SELECT count(*) FROM billing_ledgerentry WHERE tenant_id = %s AND month = %s"


def _locked(invoice_id: UUID, *states: str, step: str) -> Invoice:
    invoice = Invoice.objects.select_for_update().filter(id=invoice_id).first()
    if invoice is None:
        raise NotFound
    if invoice.state not in states:
        needed = " or ".join(states)
        raise NotAllowed(
            f"{invoice.name} is {invoice.state}: only an invoice that is {needed} can be {step}.",
            state=invoice.state,
        )
    return invoice


def _audit(actor: Actor, invoice: Invoice, step: str, **data: Any) -> None:
    audit_write(
        actor,
        action=f"invoice.{step}",
        object_type="invoice",
        object_id=invoice.id,
        tenant_id=str(invoice.tenant_id),
        number=invoice.name,
        **data,
    )


def _reason(text: str) -> str:
    text = text.strip()
    if not text:
        raise Invalid("Say why: the reason stays with the invoice.", errors={"reason": "missing"})
    return text[:300]


@transaction.atomic
def invoice_issue(*, actor: Actor, invoice_id: UUID) -> Invoice:
    """Give a draft its number and issue it; its owner gets a mail once that is committed.

    Raises NotAllowed for what is no draft, and for a draft behind which the ledger has moved on.
    """
    invoice = _locked(invoice_id, State.DRAFT, step="issued")
    with connection.cursor() as cursor:
        cursor.execute(ROWS, [invoice.tenant_id, invoice.period])
        (rows,) = cursor.fetchone()
    if rows != invoice.ledger_rows:
        raise NotAllowed(
            f"{invoice.name} is behind the ledger: {rows - invoice.ledger_rows} entries came since."
            " It is drafted again within the hour; look at it then.",
            state=invoice.state,
        )
    now = database_now()
    invoice.series, invoice.number = now.year, _number(now.year)
    invoice.state, invoice.issued_at, invoice.due_on = State.ISSUED, now, (now + DUE_IN).date()
    invoice.save()
    _audit(actor, invoice, "issue", total=str(invoice.total))
    _mail(invoice)
    return invoice


def _number(year: int) -> int:
    """Return the year's next number. The row stays locked until the transaction ends."""
    InvoiceSeries.objects.bulk_create([InvoiceSeries(year=year)], ignore_conflicts=True)
    InvoiceSeries.objects.filter(year=year).update(last=F("last") + 1)
    return InvoiceSeries.objects.get(year=year).last


def _mail(invoice: Invoice) -> None:
    from billing.tasks import invoice_mail  # the tasks call the services

    tenant, name = str(invoice.tenant_id), str(invoice.id)
    transaction.on_commit(lambda: invoice_mail.task.apply_async(args=(tenant, name)), robust=True)


@transaction.atomic
def invoice_hold(*, actor: Actor, invoice_id: UUID, reason: str) -> Invoice:
    """Keep a draft from being issued until it is released. Raises NotAllowed, Invalid."""
    invoice = _locked(invoice_id, State.DRAFT, State.HELD, step="held")
    invoice.staff_hold, invoice.state, invoice.fingerprint = _reason(reason), State.HELD, ""
    invoice.save()
    _audit(actor, invoice, "hold", reason=invoice.staff_hold)
    return invoice


@transaction.atomic
def invoice_release(*, actor: Actor, invoice_id: UUID, reason: str) -> Invoice:
    """Let a held invoice be issued in spite of its holds.

    Raises NotAllowed where a hold blocks: its cause must go first, since the sums are not known.
    """
    invoice = _locked(invoice_id, State.HELD, step="released")
    blocking = [hold["text"] for hold in invoice.holds if hold["blocks"]]
    if blocking:
        raise NotAllowed(
            f"{invoice.name} cannot be released: {' '.join(blocking)} Mend that; the draft follows"
            " within the hour.",
            state=invoice.state,
        )
    codes = [hold["code"] for hold in invoice.holds]
    invoice.released = sorted({*invoice.released, *codes})
    invoice.staff_hold, invoice.state, invoice.fingerprint = "", State.DRAFT, ""
    invoice.save()
    _audit(actor, invoice, "release", reason=_reason(reason), holds=codes)
    return invoice


@transaction.atomic
def invoice_void(*, actor: Actor, invoice_id: UUID, reason: str) -> Invoice:
    """Make an invoice void; its number stays taken, and its month is drafted anew."""
    invoice = _locked(invoice_id, State.DRAFT, State.HELD, State.ISSUED, step="made void")
    invoice.state, invoice.voided_at = State.VOID, database_now()
    invoice.void_reason = _reason(reason)
    invoice.save()
    _audit(actor, invoice, "void", reason=invoice.void_reason)
    return invoice


@transaction.atomic
def invoice_pay(*, actor: Actor, invoice_id: UUID, reference: str) -> Invoice:
    """Mark an issued invoice paid, by whom the money came in: `reference` is the bank's or ours."""
    invoice = invoice_paid(invoice_id, by="staff", reference=_reason(reference)[:120])
    _audit(actor, invoice, "pay", reference=invoice.payment_reference)
    return invoice


def invoice_paid(invoice_id: UUID, *, by: str, reference: str) -> Invoice:
    """Mark an issued invoice paid, inside the caller's transaction."""
    invoice = _locked(invoice_id, State.ISSUED, step="marked paid")
    invoice.state, invoice.paid_at = State.PAID, database_now()
    invoice.paid_by, invoice.payment_reference = by, reference
    invoice.save()
    return invoice
