"""Draft the invoices of a month that is over, under the ops login, as often as one likes.

A draft is computed from the ledger alone and written only where it differs from what stands. What
was issued is never touched: what came later is a correction on the next invoice. Two runs at once
take turns. The texts of a line are in the language of the account.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, Sum
from django.utils.translation import gettext, override

from billing.errors import NotAllowed
from billing.invoices.holds import Hold, holds_of
from billing.invoices.models import AccountCredit, BillingAccount, Invoice, InvoiceLine
from billing.invoices.money import language_in
from billing.invoices.pricing import Charge, cents, month_price
from billing.invoices.usage import gather
from billing.meters import database_now, next_month
from billing.plans.terms import Book
from tenants.wording import month as month_text

log = structlog.get_logger(__name__)

AT_ONCE: Final = 100
BACK: Final = 12
"""How many earlier months are looked at for corrections that came after their invoice: a year."""
CURRENCIES: Final = frozenset({"USD"})
Kind, State = InvoiceLine.Kind, Invoice.State
CHARGES: Final = (Kind.FEE, Kind.SEATS, Kind.OVERAGE, Kind.USAGE)

TENANTS: Final = """
    SELECT id, name, slug, status FROM registry_tenant
     WHERE status <> 'provisioning' AND created_at < %s ORDER BY id
"""
COUNTS: Final = """
    SELECT tenant_id, month, count(*) FROM billing_ledgerentry
     WHERE month = ANY(%s) AND tenant_id = ANY(%s) GROUP BY 1, 2
"""
LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('billing.invoices'), %s)"


@dataclass(frozen=True, slots=True)
class Workspace:
    id: UUID
    name: str
    slug: str
    status: str


@dataclass(slots=True)
class Sheet:
    """A draft before it is compared with what stands."""

    lines: list[InvoiceLine]
    holds: list[Hold]
    rows: int


def month_before(month: date) -> date:
    return date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)


def invoices_draft(
    month: date | None = None, *, only: Sequence[UUID] | None = None
) -> Counter[str]:
    """Draft the month's invoices (default: the month before this one); count what became of them.

    Counts are by `drafted`, `changed`, `unchanged`, `stands` (issued already) and `nothing` (no
    charge). Raises NotAllowed for a month that is not over by the database's clock.
    """
    this_month = database_now().date().replace(day=1)
    month = month or month_before(this_month)
    if month.day != 1 or month >= this_month:
        raise NotAllowed(f"{month:%B %Y} is not over yet: usage of it is still being booked.")
    with connection.cursor() as cursor:
        cursor.execute(TENANTS, [next_month(month)])
        everyone = [Workspace(*row) for row in cursor.fetchall()]
    if only is not None:
        everyone = [one for one in everyone if one.id in set(only)]
    told: Counter[str] = Counter()
    for start in range(0, len(everyone), AT_ONCE):
        with transaction.atomic(durable=True):
            with connection.cursor() as cursor:
                cursor.execute(LOCK, [month.year * 100 + month.month])
            told += _draft_some(month, everyone[start : start + AT_ONCE])
    log.info("invoices.drafted", month=f"{month:%Y-%m}", **told)
    return told


def _draft_some(month: date, some: Sequence[Workspace]) -> Counter[str]:
    ids = [one.id for one in some]
    book = Book()
    gathered = gather(month, ids, book)
    told: Counter[str] = Counter()
    standing = {
        invoice.tenant_id: invoice
        for invoice in Invoice.objects.filter(tenant_id__in=ids, period=month).exclude(
            state=State.VOID
        )
    }
    accounts = BillingAccount.objects.in_bulk(ids)
    outside = holds_of(month, ids)
    corrections = _corrections(month, ids, book, accounts)
    credits = _credits_left(ids, month)
    new: list[Invoice] = []
    lines: list[InvoiceLine] = []
    for one in some:
        invoice = standing.get(one.id)
        if invoice is not None and invoice.state not in (State.DRAFT, State.HELD):
            told["stands"] += 1
            continue
        own = gathered[one.id]
        account = accounts.get(one.id) or BillingAccount.blank(one.id)
        with override(language_in(account.locale)):
            charges = month_price(own.segments, own.uses, month)
        sheet = Sheet(
            [_line(one.id, charge) for charge in charges],
            [*own.faults, *outside.get(one.id, ()), *_account_holds(one, account)],
            own.rows,
        )
        for line, hold in corrections.get(one.id, ()):
            sheet.lines.append(line)
            sheet.holds += hold
        if not sheet.lines and not sheet.holds and invoice is None:
            told["nothing"] += 1
            continue
        drafted = invoice or Invoice(tenant_id=one.id, period=month)
        before = drafted.fingerprint
        _fill(drafted, one, account, sheet, credits.get(one.id, []))
        if drafted.fingerprint == before:
            told["unchanged"] += 1
            continue
        if invoice is None:
            new.append(drafted)
            told["drafted"] += 1
        else:
            InvoiceLine.objects.filter(invoice=drafted).delete()
            drafted.drafted_at = database_now()
            drafted.save()
            told["changed"] += 1
        for position, line in enumerate(sheet.lines, start=1):
            line.invoice, line.position = drafted, position
        lines += sheet.lines
    Invoice.objects.bulk_create(new)
    InvoiceLine.objects.bulk_create(lines, batch_size=1000)
    return told


def _account_holds(one: Workspace, account: BillingAccount) -> Iterator[Hold]:
    if account.currency not in CURRENCIES:
        yield Hold(
            "currency_unknown",
            f"The account is to be charged in {account.currency}, for which there is no rate;"
            f" invoices are in {', '.join(sorted(CURRENCIES))}.",
            blocks=True,
        )
    if one.status == "deleted":
        yield Hold("workspace_left", "The workspace has left; decide what it is still charged.")


def _line(tenant: UUID, charge: Charge) -> InvoiceLine:
    return InvoiceLine(
        tenant_id=tenant,
        kind=charge.kind,
        text=charge.text,
        plan=charge.segment.terms.plan,
        metric=charge.metric,
        model=charge.model,
        units=list(charge.units),
        starts_at=charge.segment.starts_at,
        ends_at=charge.segment.ends_at,
        quantity=charge.quantity,
        detail={**charge.detail, "version": charge.segment.terms.version},
        usd=charge.usd,
    )


def _corrections(
    month: date, ids: Sequence[UUID], book: Book, accounts: Mapping[UUID, BillingAccount]
) -> dict[UUID, list[tuple[InvoiceLine, list[Hold]]]]:
    """Return what earlier invoices would say otherwise by now, as lines: the difference alone."""
    periods = [month_before(month)]
    while len(periods) < BACK:
        periods.append(month_before(periods[-1]))
    issued = list(
        Invoice.objects.filter(
            tenant_id__in=ids, period__in=periods, state__in=[State.ISSUED, State.PAID]
        ).order_by("period")
    )
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, [sorted({invoice.period for invoice in issued}), list(ids)])
        rows = {(tenant, period): count for tenant, period, count in cursor.fetchall()}
    found: dict[UUID, list[tuple[InvoiceLine, list[Hold]]]] = defaultdict(list)
    for invoice in issued:
        tenant, period = invoice.tenant_id, invoice.period
        if rows.get((tenant, period), 0) == invoice.ledger_rows:
            continue
        now = gather(period, [tenant], book)[tenant]
        charged = sum(
            (charge.usd for charge in month_price(now.segments, now.uses, period)), Decimal(0)
        )
        difference = charged - _billed(invoice, month)
        if not difference and not now.faults:
            continue
        account = accounts.get(tenant) or BillingAccount.blank(tenant)
        with override(language_in(account.locale)):
            text = gettext("Correction of %(name)s for %(month)s: usage that was put right since")
            text %= {"name": invoice.name, "month": month_text(period)}
        line = InvoiceLine(
            tenant_id=tenant,
            kind=Kind.CORRECTION,
            text=text,
            detail={"invoice": str(invoice.id), "period": period.isoformat()},
            usd=difference,
        )
        found[tenant].append((line, now.faults))
    return found


def _billed(invoice: Invoice, month: date) -> Decimal:
    """Return what was charged for an invoice's month so far, corrections of other months too."""
    lines = InvoiceLine.objects.filter(
        Q(invoice=invoice, kind__in=CHARGES)
        | Q(
            kind=Kind.CORRECTION,
            tenant_id=invoice.tenant_id,
            detail__period=invoice.period.isoformat(),
        )
        & ~Q(invoice__state=State.VOID)
        & ~Q(invoice__period=month)
    )
    return lines.aggregate(total=Sum("usd"))["total"] or Decimal(0)


def _credits_left(
    ids: Sequence[UUID], month: date
) -> dict[UUID, list[tuple[AccountCredit, Decimal]]]:
    """Return what is left of each workspace's credits, oldest first, without this month's use."""
    spent = dict(
        InvoiceLine.objects.filter(tenant_id__in=ids, credit__isnull=False)
        .exclude(invoice__state=State.VOID)
        .exclude(invoice__period=month)
        .values_list("credit")
        .annotate(total=Sum("usd"))
    )
    found: dict[UUID, list[tuple[AccountCredit, Decimal]]] = defaultdict(list)
    alive = Q(expires_on=None) | Q(expires_on__gte=next_month(month))
    for credit in AccountCredit.objects.filter(alive, tenant_id__in=ids).order_by(
        "granted_at", "id"
    ):
        found[credit.tenant_id].append((credit, credit.usd + spent.get(credit.id, Decimal(0))))
    return found


def _fill(
    invoice: Invoice,
    one: Workspace,
    account: BillingAccount,
    sheet: Sheet,
    credits: Sequence[tuple[AccountCredit, Decimal]],
) -> None:
    """Set the sums, the credits' lines, the state and the fingerprint."""
    invoice.workspace = one.name
    invoice.subtotal = sum((line.usd for line in sheet.lines), Decimal(0))
    left = invoice.subtotal
    with override(language_in(account.locale)):
        credit_text = gettext("Credit: %(reason)s")
    for credit, remaining in credits:
        taken = min(left, remaining)
        if taken > 0:
            sheet.lines.append(
                InvoiceLine(
                    tenant_id=one.id,
                    kind=Kind.CREDIT,
                    text=(credit_text % {"reason": credit.reason})[:300],
                    credit=credit,
                    usd=-taken,
                )
            )
            left -= taken
    if left < 0:
        sheet.holds.append(
            Hold(
                "below_zero",
                f"The corrections exceed the charges by {-left} USD: void this invoice and grant a"
                " credit instead.",
                blocks=True,
            )
        )
    invoice.credits = invoice.subtotal - left
    invoice.tax_label, invoice.tax_percent = account.tax_label, account.tax_percent
    invoice.tax = cents(max(left, Decimal(0)) * account.tax_percent / 100)
    invoice.total = left + invoice.tax
    invoice.currency = account.currency
    invoice.bill_to = {
        "name": account.name or one.name,
        "address": account.address,
        "tax_number": account.tax_number,
        "email": account.email,
        "locale": account.locale,
    }
    invoice.seller = settings.INVOICE_SELLER
    invoice.ledger_rows = sheet.rows
    invoice.holds = [hold.as_json() for hold in dict.fromkeys(sheet.holds)]
    open_holds = [
        hold for hold in invoice.holds if hold["blocks"] or hold["code"] not in invoice.released
    ]
    invoice.state = State.HELD if open_holds or invoice.staff_hold else State.DRAFT
    invoice.fingerprint = _fingerprint(invoice, sheet.lines)


def _fingerprint(invoice: Invoice, lines: Sequence[InvoiceLine]) -> str:
    told: list[Any] = [
        invoice.workspace, invoice.subtotal, invoice.credits, invoice.tax_label,
        invoice.tax_percent, invoice.tax, invoice.total, invoice.currency, invoice.bill_to,
        invoice.seller, invoice.ledger_rows, invoice.holds, invoice.state,
        [
            (line.kind, line.text, line.plan, line.model, line.units, line.starts_at, line.ends_at,
             line.quantity.normalize(), line.detail, line.credit_id, line.usd)
            for line in lines
        ],
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told, default=str, sort_keys=True).encode()).hexdigest()
