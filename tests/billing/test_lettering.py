"""What an invoice's PDF writes of names in every alphabet, and of those that would break it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

import pypdfium2
import pytest

from billing.invoices.models import BillingAccount, Invoice, InvoiceLine
from billing.invoices.pdf import invoice_pdf
from tenants.context import public_scope
from tests.support.cast import ALICE
from tests.support.clients import browser_of, tenant_of

EMBEDDED: Final = b"DejaVuSans"
NAMES: Final = (
    "Świętosław Żółć, Łódź; Příliš žluťoučký kůň; Iași",
    "ООО «Ромашка», Київ",
    "Ελληνική Εταιρεία",
    "Café \N{BLACK STAR} & Şöns",
)
READERS: Final = {"株式会社テスト": b"HeiseiKakuGo", "测试": b"STSong", "테스트": b"HYGothic"}


def written(name: str, address: str = "Kiln Road 1") -> tuple[bytes, str]:
    """Return the invoice of one of that name, and the words that are read in it."""
    invoice = Invoice(
        workspace="acme", seller="Tenantry", period=date(2026, 10, 1), tax_percent=Decimal(0),
        subtotal=Decimal(10), tax=Decimal(0), total=Decimal(10),
        bill_to={"name": name, "address": address, "locale": "en-US"},
    )  # fmt: skip
    pdf = invoice_pdf(invoice, [InvoiceLine(text="Growth", usd=Decimal(10))])
    document = pypdfium2.PdfDocument(pdf)
    try:
        pages = [page.get_textpage().get_text_bounded() for page in document]
        return pdf, "\n".join(pages).replace("\r\n", "\n")
    finally:
        document.close()


@pytest.mark.parametrize("name", NAMES)
def test_letters_that_no_reader_brings_go_with_the_document(name: str) -> None:
    pdf, words = written(name)
    assert name in words
    assert EMBEDDED in pdf
    assert b"FontFile2" in pdf
    assert pdf == written(name)[0]


@pytest.mark.parametrize("name", READERS)
def test_letters_of_the_east_are_asked_of_a_font_that_has_them(name: str) -> None:
    pdf, words = written(f"{name} Ł&B")
    assert READERS[name] in pdf
    assert "Ł&B" in words


def test_a_western_name_takes_no_font_along() -> None:
    pdf, words = written("Müller & Söhne <script>alert(1)</script>")
    assert "Müller & Söhne <script>alert(1)</script>" in words
    assert b"FontFile" not in pdf


def test_an_address_of_many_lines_goes_on_over_pages() -> None:
    _, words = written("W" * 200, "\n".join(f"{n}a" for n in range(150)))
    assert "0a\n" in words
    assert "149a" in words
    assert "Total" in words


@pytest.mark.django_db(transaction=True)
def test_an_address_may_have_as_many_letters_as_its_field_counts() -> None:
    typed = "\r\n".join(["Kiln \u202eRoad", "", *["a"] * 243])  # a browser counts 499 of them
    sent = {"name": "Acme", "address": typed, "tax_number": "", "email": "", "locale": "en-US"}
    owner = browser_of(ALICE)
    assert owner.post("/usage/invoices/details/", sent).status_code == 302
    with public_scope("staff"):
        kept = BillingAccount.objects.get(tenant_id=tenant_of(ALICE).id).address
    assert kept == "\n".join(["Kiln Road", "", *["a"] * 243])
    assert owner.post("/usage/invoices/details/", sent | {"address": "a" * 501}).status_code == 422
