"""An invoice as a PDF of one or more A4 pages."""

from decimal import Decimal
from io import BytesIO
from typing import Any, Final
from xml.sax.saxutils import escape

from django.utils.translation import gettext, override
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from billing.invoices.models import Invoice, InvoiceLine
from billing.invoices.money import language_in, money_in
from tenants.numbers import written
from tenants.wording import day, month

INK: Final = colors.HexColor("#1b1d22")
GREY: Final = colors.HexColor("#5d6370")
RULE: Final = colors.HexColor("#d9dce3")
WIDTH: Final = A4[0] - 40 * mm - 12  # the frame keeps six points on each side
# The fonts of every PDF reader write Western European; other scripts take one that readers bring.
OTHER_SCRIPTS: Final = "HeiseiKakuGo-W5"


def _font(text: str) -> str:
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        if OTHER_SCRIPTS not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(UnicodeCIDFont(OTHER_SCRIPTS))
        return OTHER_SCRIPTS
    return "Helvetica"


def _text(
    text: str, size: float = 9.5, *, grey: bool = False, right: bool = False, bold: bool = False
) -> Any:
    font = _font(text)
    if bold and font == "Helvetica":
        font = "Helvetica-Bold"
    style = ParagraphStyle(
        "text", fontName=font, fontSize=size, leading=size * 1.4,
        textColor=GREY if grey else INK, alignment=2 if right else 0,
    )  # fmt: skip
    return Paragraph(escape(text).replace("\n", "<br/>"), style)


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
                _text(address or invoice.workspace, 10),
                Table(
                    [[_text(name, grey=True), _text(value)] for name, value in facts],
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
    )
    rows: list[list[Any]] = [
        [_text(gettext("What"), grey=True), _text(gettext("Amount, USD"), grey=True, right=True)]
    ]
    rows += [[_text(line.text), _text(money(line.usd), right=True)] for line in lines]
    sums: list[tuple[str, Decimal]] = [(gettext("Subtotal"), invoice.subtotal)]
    if invoice.credits:
        sums.append((gettext("Credits"), -invoice.credits))
    percent = written(f"{invoice.tax_percent.normalize():,f}")
    sums.append((f"{invoice.tax_name} {percent} %", invoice.tax))
    first = len(rows)
    rows += [
        [_text(name, grey=True, right=True), _text(money(sum_), right=True)] for name, sum_ in sums
    ]
    rows.append(
        [
            _text(gettext("Total"), 11, right=True, bold=True),
            _text(money(invoice.total), 11, right=True, bold=True),
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
            _text(seller, 16, bold=True),
            *([_text(seller_more, grey=True)] if seller_more else []),
            Spacer(1, 8 * mm),
            head,
            Spacer(1, 8 * mm),
            table,
            Spacer(1, 8 * mm),
            _text(note, 8.5, grey=True),
        ]
    )
    return made.getvalue()
