"""A workspace's invoices as files of its export: the PDF and the CSV that its owner was sent."""

from collections.abc import Iterator

from billing.invoices.selectors import invoice_csv, invoices


def invoices_export() -> Iterator[tuple[str, bytes]]:
    """Yield the path and the content of each issued invoice's files, in the entered tenant."""
    from billing.invoices.pdf import invoice_pdf  # what draws it holds five megabytes

    for invoice in invoices():
        yield f"{invoice.name}.pdf", invoice_pdf(invoice, list(invoice.lines.all()))
        yield f"{invoice.name}.csv", invoice_csv(invoice).encode()
