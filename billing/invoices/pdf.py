"""An invoice as a PDF of one or more A4 pages."""

from decimal import Decimal
from io import BytesIO
from typing import Any, Final

from django.utils.translation import gettext, override
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.platypus import SimpleDocTemplate, Spacer, Table, TableStyle

from billing.invoices.lettering import INK, lettered
from billing.invoices.models import Invoice, InvoiceLine
from billing.invoices.money import language_in, money_in
from tenants.numbers import written
from tenants.wording import day, month

RULE: Final = colors.HexColor("#d9dce3")
WIDTH: Final = A4[0] - 40 * mm - 12  # the frame keeps six points on each side


def invoice_pdf(invoice: Invoice, lines: list[InvoiceLine]) -> bytes:
    """Return it in the language of its account. The same invoice gives the same bytes."""
    with override(language_in(invoice.bill_to.get("locale", ""))):
        return _document(invoice, lines)


def _document(invoice: Invoice, lines: list[InvoiceLine]) -> bytes:
    to = invoice.bill_to
    locale = to.get("locale", "en-US")
    seller, _, seller_more = (invoice.seller or "Tenantry").partition("\n")

    def money(amount: Decimal) -> str:
        return money_in(locale, amount).replace("\u2212", "-").replace(" ", " ")

    made = BytesIO()
    document = SimpleDocTemplate(
        made, pagesize=A4, leftMargin=20 * mm, rightMargin=20 * mm, topMargin=18 * mm,
        bottomMargin=18 * mm, title=gettext("Invoice %(name)s") % {"name": invoice.name},
        author=seller, invariant=1,
    )  # fmt: skip
    facts = [
        (gettext("Invoice"), invoice.name),
        (gettext("For"), month(invoice.period)),
        (gettext("Issued"), day(invoice.issued_at) if invoice.issued_at else gettext("Not issued")),
        (gettext("Due"), day(invoice.due_on) if invoice.due_on else "-"),
        (gettext("State"), invoice.get_state_display()),
    ]
    address = "\n".join(
        part for part in (to.get("name"), to.get("address"), to.get("tax_number")) if part
    )
    head = Table(
        [
            [
                lettered(address or invoice.workspace, 10),
                Table(
                    [[lettered(name, grey=True), lettered(value)] for name, value in facts],
                    colWidths=[22 * mm, 48 * mm],
                    style=[
                        ("TOPPADDING", (0, 0), (-1, -1), 1),
                        ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
                    ],
                ),
            ]
        ],
        colWidths=[WIDTH - 70 * mm, 70 * mm],
        style=[("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, 0), 0)],
        splitInRow=1,  # an address of many lines goes on on the next page
    )
    rows: list[list[Any]] = [
        [
            lettered(gettext("What"), grey=True),
            lettered(gettext("Amount, USD"), grey=True, right=True),
        ]
    ]
    rows += [[lettered(line.text), lettered(money(line.usd), right=True)] for line in lines]
    sums: list[tuple[str, Decimal]] = [(gettext("Subtotal"), invoice.subtotal)]
    if invoice.credits:
        sums.append((gettext("Credits"), -invoice.credits))
    percent = written(f"{invoice.tax_percent.normalize():,f}")
    sums.append((f"{invoice.tax_name} {percent} %", invoice.tax))
    first = len(rows)
    rows += [
        [lettered(name, grey=True, right=True), lettered(money(sum_), right=True)]
        for name, sum_ in sums
    ]
    rows.append(
        [
            lettered(gettext("Total"), 11, right=True, bold=True),
            lettered(money(invoice.total), 11, right=True, bold=True),
        ]
    )
    table = Table(
        rows, colWidths=[WIDTH - 38 * mm, 38 * mm], repeatRows=1,
        style=TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, first - 1), 0.5, RULE),
                ("LINEABOVE", (0, -1), (-1, -1), 0.8, INK),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (0, -1), 0),
                ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
            ]
        ),
    )  # fmt: skip
    note = gettext(
        "Amounts are in US dollars, months in UTC. Every line opens down to its requests in the"
        " workspace, under Usage, Invoices."
    )
    document.build(
        [
            lettered(seller, 16, bold=True),
            *([lettered(seller_more, grey=True)] if seller_more else []),
            Spacer(1, 8 * mm),
            head,
            Spacer(1, 8 * mm),
            table,
            Spacer(1, 8 * mm),
            lettered(note, 8.5, grey=True),
        ]
    )
    return made.getvalue()
