"""What owners read of invoices: the list, one, a line's requests, a request's entries, CSV."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from billing.invoices.models import BillingAccount, Invoice, InvoiceLine
from billing.invoices.pricing import Charge, month_price
from billing.invoices.usage import gather
from billing.meters import database_now
from billing.models import LedgerEntry
from billing.plans.terms import Book
from tenants.context import current
from tenants.csvfile import cell_safe
from tenants.errors import Invalid, NotFound

A_PAGE: Final = 50
MOST_ROWS: Final = 100_000
HIDDEN: Final = (Invoice.State.DRAFT, Invoice.State.HELD)

REQUESTS: Final = """
    SELECT request_id, min(admitted), min(feature), (array_agg(user_id))[1], sum(quantity),
           coalesce(sum(usd), 0), count(*)
      FROM (SELECT e.*, coalesce(r.created_at, min(e.created_at) OVER (
                       PARTITION BY e.request_id, e.attempt / 100)) AS admitted
              FROM billing_ledgerentry e
              LEFT JOIN billing_reservation r
                ON r.id = e.reservation_id AND r.tenant_id = e.tenant_id
             WHERE e.tenant_id = %(tenant)s AND e.month = %(month)s) AS calls
     WHERE (cardinality(%(units)s::text[]) = 0
            AND unit NOT IN ('seats', 'storage_byte_days') OR unit = ANY(%(units)s))
       AND (%(model)s = '' OR model = %(model)s)
       AND (%(whole)s OR (greatest(admitted, %(first)s::timestamptz) >= %(starts)s
                          AND (admitted < %(ends)s OR %(last)s)))
     GROUP BY request_id
    HAVING %(after)s::uuid IS NULL OR request_id > %(after)s
     ORDER BY request_id LIMIT %(limit)s
"""
ENTRIES: Final = """
    SELECT e.id, e.created_at, e.attempt, e.unit, e.quantity, e.kind, e.estimated, e.model,
           e.route, e.region, e.feature, e.price_id, e.price_usd, e.price_per, e.usd,
           p.effective_from, p.source
      FROM billing_ledgerentry e LEFT JOIN billing_price p ON p.id = e.price_id
     WHERE e.tenant_id = %s AND e.month = %s AND e.request_id = %s
     ORDER BY e.attempt, e.unit
"""


@dataclass(frozen=True, slots=True)
class RequestShare:
    """What one request has to do with a line."""

    request_id: UUID
    at: datetime
    feature: str
    user_id: UUID | None
    quantity: int
    usd: Decimal
    entries: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A ledger entry with the price row that it was priced by."""

    id: UUID
    at: datetime
    attempt: int
    unit: str
    quantity: int
    kind: str
    estimated: bool
    model: str
    route: str
    region: str
    feature: str
    price_id: int | None
    price_usd: Decimal | None
    price_per: int | None
    usd: Decimal | None
    price_from: date | None
    price_source: str | None


def invoices() -> list[Invoice]:
    """Return the entered workspace's invoices, newest first; drafts are not its business yet."""
    return list(Invoice.objects.filter(tenant_id=current().id).exclude(state__in=HIDDEN))


def invoice_of(invoice_id: UUID) -> Invoice:
    """Return the workspace's invoice. Raises NotFound."""
    found = Invoice.objects.filter(id=invoice_id, tenant_id=current().id).exclude(state__in=HIDDEN)
    invoice = found.first()
    if invoice is None:
        raise NotFound
    return invoice


def line_of(invoice: Invoice, line_id: UUID) -> InvoiceLine:
    """Return a line of an invoice. Raises NotFound."""
    line = InvoiceLine.objects.filter(id=line_id, invoice=invoice, tenant_id=current().id).first()
    if line is None:
        raise NotFound
    return line


def line_requests(
    invoice: Invoice, line: InvoiceLine, *, after: str = "", limit: int = A_PAGE
) -> tuple[list[RequestShare], str]:
    """Return the requests of a line by id, and where to go on (empty at the end).

    Raises Invalid for a cursor that is no id.
    """
    if line.kind not in (InvoiceLine.Kind.SEATS, InvoiceLine.Kind.OVERAGE, InvoiceLine.Kind.USAGE):
        return [], ""
    try:
        cursor_id = UUID(after) if after else None
    except ValueError:
        raise Invalid(
            _("The cursor is none of this list."), errors={"after": _("unknown")}
        ) from None
    plans = InvoiceLine.objects.filter(invoice=invoice, starts_at__isnull=False)
    lasts = plans.order_by("-ends_at").values_list("ends_at", flat=True).first()
    starts = plans.order_by("starts_at").values_list("starts_at", flat=True).first()
    asked = {
        "tenant": current().id,
        "month": invoice.period,
        "units": line.units,
        "model": line.model,
        "whole": (line.starts_at, line.ends_at) == (starts, lasts),
        "first": starts,
        "starts": line.starts_at,
        "ends": line.ends_at,
        "last": line.ends_at == lasts,
        "after": cursor_id,
        "limit": limit + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(REQUESTS, asked)
        rows = [RequestShare(*row) for row in cursor.fetchall()]
    more = len(rows) > limit
    return rows[:limit], str(rows[limit - 1].request_id) if more else ""


def lines_of_request(request_id: UUID) -> list[InvoiceLine]:
    """Return the lines of issued invoices that a request of the entered workspace is part of."""
    months = (
        LedgerEntry.objects.filter(tenant_id=current().id, request_id=request_id)
        .values_list("month", flat=True)
        .distinct()
    )
    issued = Invoice.objects.filter(tenant_id=current().id, period__in=list(months))
    before = str(UUID(int=max(0, request_id.int - 1)))
    return [
        line
        for invoice in issued.exclude(state__in=HIDDEN)
        for line in invoice.lines.select_related("invoice")
        if any(
            each.request_id == request_id
            for each in line_requests(invoice, line, after=before, limit=1)[0]
        )
    ]


def request_entries(invoice: Invoice, request_id: UUID) -> list[Entry]:
    """Return a request's ledger entries of the invoice's month. Raises NotFound if it has none."""
    with connection.cursor() as cursor:
        cursor.execute(ENTRIES, [current().id, invoice.period, request_id])
        found = [Entry(*row) for row in cursor.fetchall()]
    if not found:
        raise NotFound
    return found


def upcoming() -> tuple[date, Sequence[Charge], Decimal]:
    """Return what the running month comes to if it ended with what has been used so far."""
    month = database_now().date().replace(day=1)
    own = gather(month, [current().id], Book())[current().id]
    charges = month_price(own.segments, own.uses, month)
    return month, charges, sum((charge.usd for charge in charges), Decimal(0))


def account() -> BillingAccount:
    """Return to whom invoices are addressed; what was never written has its defaults."""
    tenant = current().id
    return BillingAccount.objects.filter(tenant_id=tenant).first() or BillingAccount.blank(tenant)


def invoice_csv(invoice: Invoice) -> str:
    """Return the invoice's lines and sums as CSV; amounts with a point, as programs read them."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(["invoice", "period", "line", "kind", "text", "plan", "metric", "model",
                     "quantity", "usd"])  # fmt: skip
    for line in invoice.lines.all():
        writer.writerow(
            [invoice.name, f"{invoice.period:%Y-%m}", line.position, line.kind,
             cell_safe(line.text), line.plan, line.metric, cell_safe(line.model),
             f"{line.quantity.normalize():f}", line.usd]
        )  # fmt: skip
    for name, amount in (("subtotal", invoice.subtotal), ("credits", -invoice.credits),
                         ("tax", invoice.tax), ("total", invoice.total)):  # fmt: skip
        writer.writerow(
            [invoice.name, f"{invoice.period:%Y-%m}", "", name, "", "", "", "", "", amount]
        )
    return out.getvalue()
