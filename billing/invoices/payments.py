"""The payment provider's signed messages: checked at the door, kept once, applied once.

The header `Tenantry-Signature: t=<unix seconds>,v1=<hex>` signs `<t>.<body>` by HMAC-SHA256 with
`PAYMENT_WEBHOOK_SECRET`. A message is known by its own id: sent again, it changes nothing. The door
only checks and keeps; the ops login applies, since no request may reach invoices of all tenants.
"""

import hashlib
import hmac
import json
import re
import time
from decimal import Decimal
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import connection, transaction

from billing.errors import SignatureExpired, SignatureMissing, SignatureRefused
from billing.invoices.models import Invoice, PaymentEvent
from billing.invoices.states import invoice_paid
from billing.meters import database_now
from billing.plans.terms import amount_of
from tenants.errors import Invalid, Unavailable

log = structlog.get_logger(__name__)

TOLERANCE: Final = 300  # seconds that the provider's clock may be off
PAID: Final = "invoice.paid"
KEEP: Final = """
    INSERT INTO billing_paymentevent
           (id, kind, invoice, amount, currency, reference, digest, outcome)
    VALUES (%s, %s, %s, %s, %s, %s, %s, 'waiting') ON CONFLICT DO NOTHING
"""
NUMBER: Final = re.compile(r"(\d{4})-(\d{1,9})")
Outcome = PaymentEvent.Outcome


def signature_of(body: bytes, at: int, secret: str) -> str:
    """Return the hex signature of a body that is sent at `at`."""
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def signature_check(header: str, body: bytes) -> None:
    """Refuse a body that is not signed, signed by another, or signed too long ago or ahead.

    Raises SignatureMissing, SignatureRefused, SignatureExpired; Unavailable where no secret is set.
    """
    secret = settings.PAYMENT_WEBHOOK_SECRET
    if not secret:
        raise Unavailable("Payments are not connected: PAYMENT_WEBHOOK_SECRET is not set.")
    if not header:
        raise SignatureMissing("Send Tenantry-Signature: t=<seconds>,v1=<HMAC-SHA256 in hex>.")
    parts = [part.strip().partition("=") for part in header[:1000].split(",")]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1 or not re.fullmatch(r"\d{1,12}", times[0], re.ASCII):
        raise SignatureRefused("The signature's header has no time, or more than one.")
    at = int(times[0])
    expected = signature_of(body, at, secret).encode()
    given = [value.encode() for name, _, value in parts if name == "v1"]
    # Several signatures are allowed, so that a secret can be changed without a gap.
    if not any(hmac.compare_digest(expected, one) for one in given):
        raise SignatureRefused
    if abs(time.time() - at) > TOLERANCE:
        raise SignatureExpired(
            f"The signature's time is more than {TOLERANCE} seconds from ours: sign again and send."
        )


def payment_receive(*, header: str, body: bytes) -> bool:
    """Keep a signed message; return whether it is new. Raises Invalid and signature_check's."""
    signature_check(header, body)
    event = _read(body)
    with connection.cursor() as cursor:
        cursor.execute(KEEP, [*event, hashlib.sha256(body).hexdigest()])
        fresh = bool(cursor.rowcount == 1)
    log.info("payment.received", payment=event[0], fresh=fresh)
    return fresh


def _read(body: bytes) -> list[Any]:
    errors: dict[str, str] = {}
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise Invalid("The body is no JSON.", errors={"body": "must be a JSON object"}) from None
    if not isinstance(given, dict):
        raise Invalid("The body is no object.", errors={"body": "must be a JSON object"})

    def text(name: str, most: int, *, needed: bool = True) -> str:
        value = given.get(name, "")
        if not isinstance(value, str) or len(value) > most or "\0" in value:
            errors[name] = f"must be a text of at most {most} characters"
            return ""
        if needed and not value:
            errors[name] = "is missing"
        return str(value)

    paid = given.get("type") == PAID
    event: list[Any] = [
        text("id", 120), text("type", 60), text("invoice", 60, needed=paid), None,
        text("currency", 3, needed=paid), text("reference", 120, needed=False),
    ]  # fmt: skip
    if paid:
        try:
            event[3] = amount_of(given.get("amount"), 2)
        except ValueError as error:
            errors["amount"] = str(error)
    if errors:
        raise Invalid("The event cannot be read.", errors=errors)
    return event


def payments_apply() -> int:
    """Apply every message that waits, one transaction each, under the ops login."""
    applied = 0
    while True:
        with transaction.atomic(durable=True):
            event = (
                PaymentEvent.objects.select_for_update(skip_locked=True)
                .filter(outcome=Outcome.WAITING)
                .order_by("received_at")
                .first()
            )
            if event is None:
                return applied
            event.outcome, event.applied_at = _apply(event), database_now()
            event.save(update_fields=["outcome", "applied_at"])
            log.info("payment.applied", payment=event.id, outcome=event.outcome)
        applied += 1


def _apply(event: PaymentEvent) -> str:
    if event.kind != PAID:
        return Outcome.IGNORED
    number = NUMBER.fullmatch(event.invoice)
    invoice = (
        Invoice.objects.select_for_update()
        .filter(series=int(number[1]), number=int(number[2]))
        .first()
        if number
        else None
    )
    if invoice is None:
        return Outcome.UNKNOWN_INVOICE
    if event.currency != invoice.currency:
        return Outcome.WRONG_CURRENCY
    if event.amount is None or Decimal(event.amount) != invoice.total:
        return Outcome.WRONG_AMOUNT
    if invoice.state == Invoice.State.PAID:
        return Outcome.ALREADY_PAID
    if invoice.state != Invoice.State.ISSUED:
        return Outcome.NOT_PAYABLE
    invoice_paid(invoice.id, by="provider", reference=event.reference or event.id)
    return Outcome.PAID
