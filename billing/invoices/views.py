"""The owner's pages: invoices, one of them, a line down to its requests and their entries."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from billing.invoices.models import Invoice, InvoiceLine
from billing.invoices.money import LOCALES, locale_of
from billing.invoices.pdf import invoice_pdf
from billing.invoices.selectors import (
    account,
    invoice_csv,
    invoice_of,
    invoices,
    line_of,
    line_requests,
    request_entries,
    upcoming,
)
from billing.invoices.services import account_write
from tenants.accounts.forms import NameField
from tenants.accounts.models import User
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.errors import NotFound
from tenants.naming import one_line
from tenants.seen import ChangedMeanwhile, seen_turn

Kind = InvoiceLine.Kind
OPENS = (Kind.SEATS, Kind.OVERAGE, Kind.USAGE)


class LinesField(forms.CharField):
    """Lines as names are kept; a browser counts one character for a line's end, and sends two."""

    def to_python(self, value: Any) -> str:
        lines = (super().to_python(value) or "").splitlines()
        return "\n".join(one_line(line) for line in lines).strip()


class AccountForm(forms.Form):
    """To whom invoices are addressed, and how sums are written."""

    name = NameField(max_length=200, required=False, label=_("Name on invoices"))
    address = LinesField(
        max_length=500,
        required=False,
        label=_("Address"),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    tax_number = NameField(max_length=40, required=False, label=_("Tax number"))
    email = forms.EmailField(
        max_length=254,
        required=False,
        label=_("Email"),
        help_text=_("Invoices go here; otherwise to every owner."),
    )
    locale = forms.ChoiceField(
        choices=[(key, name[0]) for key, name in LOCALES.items()], label=_("Sums are written as in")
    )


@require_safe
@role_required("owner")
def invoices_page(request: HttpRequest) -> HttpResponse:
    """List the invoices, and what the running month comes to so far."""
    return _list(request, AccountForm(initial=_initial()))


def _initial() -> dict[str, Any]:
    kept = account()
    given = {name: getattr(kept, name) for name in AccountForm.base_fields}
    if kept._state.adding:  # nobody has chosen yet: propose the reader's language
        given["locale"] = locale_of(get_language() or "")
    return given


def _list(request: HttpRequest, form: AccountForm, status: int = 200) -> HttpResponse:
    month, charges, total = upcoming()
    return render(
        request,
        "billing/invoices.html",
        {
            "invoices": invoices(),
            "month": month,
            "charges": charges,
            "total": total,
            "form": form,
            "shown": _initial(),
        },
        status=status,
    )


@require_POST
@role_required("owner")
def account_action(request: HttpRequest) -> HttpResponse:
    """Keep to whom invoices are addressed."""
    form = AccountForm(request.POST)
    if not form.is_valid():
        return _list(request, form, status=422)
    try:
        with seen_turn(request.POST, "account", lambda: [_initial()]):
            account_write(actor=actor_of(request), **form.cleaned_data)
    except ChangedMeanwhile as refused:
        form.add_error(None, refused.detail)
        return _list(request, form, status=422)
    return redirect("invoices")


@require_safe
@role_required("owner")
def invoice_page(request: HttpRequest, invoice_id: UUID) -> HttpResponse:
    """Show one invoice with its lines and sums."""
    invoice = invoice_of(invoice_id)
    lines = [(line, line.kind in OPENS) for line in invoice.lines.all()]
    context = {"invoice": invoice, "lines": lines}
    return render(request, "billing/invoice.html", context)


@require_safe
@role_required("owner")
def line_page(request: HttpRequest, invoice_id: UUID, line_id: UUID) -> HttpResponse:
    """Show a line's requests; with `?request=`, the ledger entries of one of them."""
    invoice = invoice_of(invoice_id)
    line = line_of(invoice, line_id)
    rows, after = line_requests(invoice, line, after=request.GET.get("after", ""))
    people = {user.pk: str(user) for user in User.objects.all()}
    chosen = _chosen(request.GET.get("request", ""))
    context = {
        "invoice": invoice,
        "line": line,
        "rows": [(row, people.get(row.user_id) if row.user_id else None) for row in rows],
        "after": after,
        "chosen": chosen,
        "entries": request_entries(invoice, chosen) if chosen else [],
    }
    return render(request, "billing/invoice_line.html", context)


def _chosen(text: str) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


@require_safe
@role_required("owner")
def invoice_pdf_file(request: HttpRequest, invoice_id: UUID) -> HttpResponse:
    """Answer the invoice as a PDF."""
    invoice = invoice_of(invoice_id)
    return pdf_answer(invoice)


def pdf_answer(invoice: Invoice) -> HttpResponse:
    """Return the PDF as a file to keep."""
    answer = HttpResponse(
        invoice_pdf(invoice, list(invoice.lines.all())), content_type="application/pdf"
    )
    answer["Content-Disposition"] = f'attachment; filename="invoice-{invoice.name}.pdf"'
    return answer


@require_safe
@role_required("owner")
def invoice_csv_file(request: HttpRequest, invoice_id: UUID) -> HttpResponse:
    """Answer the invoice's lines as CSV."""
    invoice = invoice_of(invoice_id)
    answer = HttpResponse(invoice_csv(invoice), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="invoice-{invoice.name}.csv"'
    return answer
