"""Staff: invoices with their steps, to whom they are addressed, credits, what the provider said."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import uuid4

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from unfold.admin import TabularInline

from billing.invoices.models import (
    AccountCredit,
    BillingAccount,
    Invoice,
    InvoiceLine,
    PaymentEvent,
)
from billing.invoices.states import (
    invoice_hold,
    invoice_issue,
    invoice_pay,
    invoice_release,
    invoice_void,
)
from billing.plans.admin import staff_of
from billing.stafflists import ByPlan, InDollars, digits
from tenants.accounts.audit import audit_write
from tenants.errors import TenantryError
from tenants.stafffields import ByWorkspace
from tenants.staffforms import ModelAdmin
from tenants.staffpages import FixedRows, ReadOnly

# Step -> what it is called, what it asks for, what it means.
STEPS: Final[dict[str, tuple[str, str, str]]] = {
    "issue": ("Issue", "", "Each gets the next number and is sent to its workspace by mail."),
    "hold": ("Hold", "reason", "They are not issued until they are released."),
    "release": ("Release", "reason", "They may be issued in spite of what held them."),
    "void": ("Make void", "reason", "Their numbers stay taken, and the months are drafted anew."),
    "pay": ("Mark paid", "reference", "The money has come in, by this reference."),
}
WORK: Final[dict[str, Callable[..., Invoice]]] = {
    "issue": invoice_issue,
    "hold": invoice_hold,
    "release": invoice_release,
    "void": invoice_void,
    "pay": invoice_pay,
}


class LineInline(InDollars, TabularInline):
    model = InvoiceLine
    fields: ClassVar = ["position", "kind", "text", "amount", "usd_told"]
    readonly_fields: ClassVar = fields
    extra = 0
    can_delete = False
    hide_title = True

    @admin.display(description="Quantity")
    def amount(self, row: InvoiceLine) -> str:
        return digits(row.quantity)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Invoice)
class InvoiceAdmin(ReadOnly):
    """Invoices are drafted by a task; their steps are taken here, confirmed and on record."""

    empty = "Invoices are drafted by a task when a month has ended."
    list_display: ClassVar = [
        "number_told",
        "tenant_id",
        "month",
        "state",
        "total",
        "why",
        "due_on",
    ]
    fields: ClassVar = [
        "workspace", "tenant_id", "month", "state", "why", "currency", "subtotal", "credits",
        "tax_label", "tax_percent", "tax", "total", "addressed", "seller", "drafted_at",
        "issued_at", "due_on", "paid_at", "paid_by", "payment_reference", "voided_at",
        "void_reason",
    ]  # fmt: skip
    readonly_fields: ClassVar = ["month", "why", "addressed"]
    list_filter: ClassVar = ["state", "period"]
    search_fields: ClassVar = ["workspace", "tenant_id", "number", "payment_reference"]
    inlines: ClassVar = [LineInline]
    actions: ClassVar = ["issue", "hold", "release", "void", "pay"]

    @admin.display(description="Number", ordering="number")
    def number_told(self, row: Invoice) -> str:
        return row.name

    @admin.display(description="Month", ordering="period")
    def month(self, row: Invoice) -> str:
        return f"{row.period:%B %Y}"

    @admin.display(description="Addressed to")
    def addressed(self, row: Invoice) -> SafeString | str:
        parts = ("name", "address", "tax_number", "email")
        lines = ((str(row.bill_to[part]),) for part in parts if row.bill_to.get(part))
        return format_html_join(mark_safe("<br>"), "{}", lines) or "-"

    @admin.display(description="Held because")
    def why(self, row: Invoice) -> str:
        if row.state != Invoice.State.HELD:
            return "-"
        return " ".join([row.staff_hold, *(hold["text"] for hold in row.holds)]).strip()

    def _step(
        self, request: HttpRequest, rows: QuerySet[Invoice], step: str
    ) -> HttpResponse | None:
        """Ask first; then take the step for each, and say which would not."""
        label, asks, meaning = STEPS[step]
        typed, refused = str(request.POST.get("told", "")), list[str]()
        chosen = list(rows)
        if request.POST.get("confirmed"):
            told = {asks: typed} if asks else {}
            for row in chosen:
                try:
                    WORK[step](actor=staff_of(request), invoice_id=row.pk, **told)
                except TenantryError as error:
                    refused.append(error.detail)
            if len(refused) < len(chosen):
                messages.success(request, f"{label}: done for {len(chosen) - len(refused)}.")
                for said in refused:
                    messages.error(request, said)
                return None
        context = {
            **admin.site.each_context(request),
            "title": f"{label}: {len(chosen)} invoices",
            "opts": self.model._meta,
            "rows": rows.all(),
            "step": step,
            "label": label,
            "asks": asks,
            "meaning": meaning,
            "typed": typed,
            "refused": dict.fromkeys(refused),
        }
        status = 422 if refused else 200
        return render(request, "admin/billing/invoice_step.html", context, status=status)

    @admin.action(permissions=["act"], description="Issue…")
    def issue(self, request: HttpRequest, rows: QuerySet[Invoice]) -> HttpResponse | None:
        return self._step(request, rows.order_by("period", "workspace"), "issue")

    @admin.action(permissions=["act"], description="Hold…")
    def hold(self, request: HttpRequest, rows: QuerySet[Invoice]) -> HttpResponse | None:
        return self._step(request, rows, "hold")

    @admin.action(permissions=["act"], description="Release…")
    def release(self, request: HttpRequest, rows: QuerySet[Invoice]) -> HttpResponse | None:
        return self._step(request, rows, "release")

    @admin.action(permissions=["act"], description="Make void…")
    def void(self, request: HttpRequest, rows: QuerySet[Invoice]) -> HttpResponse | None:
        return self._step(request, rows, "void")

    @admin.action(permissions=["act"], description="Mark paid…")
    def pay(self, request: HttpRequest, rows: QuerySet[Invoice]) -> HttpResponse | None:
        return self._step(request, rows, "pay")


@admin.register(BillingAccount)
class BillingAccountAdmin(ByWorkspace, ByPlan, ModelAdmin):
    """Tax, currency and the end of a trial are staff's; the rest is the owner's."""

    empty = "An account holds to whom a workspace's invoices are addressed, and how they are taxed."
    list_display: ClassVar = ["tenant_id", "name", "currency", "tax_percent", "next_plan"]
    search_fields: ClassVar = ["tenant_id", "name"]
    ranges: ClassVar = {"tax_percent": (Decimal(0), Decimal("99.99"))}

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        blank = BillingAccount.blank(uuid4())
        usual = ("locale", "currency", "tax_label", "tax_percent")
        return {name: getattr(blank, name) for name in usual}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fixed = ["tenant_id", "next_plan", "next_plan_on"] if obj else []
        return [*super().get_readonly_fields(request, obj), *fixed]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AccountCredit)
class AccountCreditAdmin(ByWorkspace, InDollars, FixedRows):
    """Grant a credit: it is taken off the next invoices, and stays as it was granted."""

    empty = "A credit is taken off the next invoices of a workspace until it is used up."
    list_display: ClassVar = ["granted_at", "tenant_id", "usd_told", "reason", "expires_on"]
    search_fields: ClassVar = ["tenant_id", "reason"]
    readonly_fields: ClassVar = ["granted_at", "usd_told"]
    ranges: ClassVar = {"usd": (Decimal("0.01"), None)}

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return ["tenant_id", "usd", "reason", "expires_on"]
        return ["workspace", "tenant_id", "usd_told", "reason", "expires_on", "granted_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(ModelAdmin.has_add_permission(self, request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        audit_write(
            staff_of(request), action="credit.grant", object_type="credit", object_id=obj.pk,
            tenant_id=str(obj.tenant_id), usd=str(obj.usd),
        )  # fmt: skip


@admin.register(PaymentEvent)
class PaymentEventAdmin(ReadOnly):
    empty = "What the payment provider tells of invoices stands here."
    list_display: ClassVar = [
        "received_at", "id", "kind", "invoice", "amount", "currency", "outcome",
    ]  # fmt: skip
    list_filter: ClassVar = ["outcome", "kind"]
    search_fields: ClassVar = ["id", "invoice", "reference"]
