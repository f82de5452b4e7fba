"""Staff: plans, dated prices, and what tenants used. The ledger and reservations are read-only."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import TabularInline

from billing.catalog import model_and_route
from billing.credits import staff as credits_pages  # noqa: F401 - registers its pages
from billing.invoices import admin as invoices_admin  # noqa: F401 - registers
from billing.margins import staff as margin_pages  # noqa: F401 - the same
from billing.models import (
    AwsCostDelivery,
    AwsCostLine,
    LedgerLine,
    Plan,
    PlanLimit,
    Price,
    RegionQuota,
    Reservation,
)
from billing.money import all_digits
from billing.plans.admin import Importing
from billing.plans.staffstep import PLAN
from billing.reconciliation import staff as reconciliation_pages  # noqa: F401 - the same
from billing.stafflists import InDollars, digits, unit_told
from billing.units import Unit
from tenants.registry.admin import TenantAdmin
from tenants.registry.staffsteps import step_action
from tenants.staffforms import ModelAdmin
from tenants.staffpages import Coded, ReadOnly

TenantAdmin.actions = [*TenantAdmin.actions, step_action(PLAN)]


class PlanLimitInline(TabularInline):
    """Once a plan has dated terms, what it includes follows them and is not edited here."""

    model = PlanLimit
    extra = 0
    hide_title = True
    readonly_fields: ClassVar = ["amount", "more"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        told = ["metric", "amount", "more"]
        return told if _dated(obj) else ["metric", "included", "overage_price", "overage_per"]

    @admin.display(description="Included a month")
    def amount(self, row: PlanLimit) -> str:
        return "without limit" if row.included is None else digits(row.included)

    @admin.display(description="Beyond it")
    def more(self, row: PlanLimit) -> str:
        if row.overage_price is None:
            return "-"
        return f"{all_digits(row.overage_price)} per {row.overage_per:,}"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request, obj) and not _dated(obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not _dated(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not _dated(obj)


def _dated(plan: Plan | None) -> bool:
    return plan is not None and plan.versions.exists()


@admin.register(Plan)
class PlanAdmin(ModelAdmin):
    """A change applies to every workspace on the plan within half a minute."""

    list_display: ClassVar = ["name", "code", "pricing_model", "price", "offered"]
    list_filter: ClassVar = ["pricing_model", "offered"]
    search_fields: ClassVar = ["code", "name"]
    inlines: ClassVar = [PlanLimitInline]

    @admin.display(description="Monthly price, USD", ordering="monthly_price")
    def price(self, row: Plan) -> str:
        return f"{row.monthly_price:,.2f}"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if not obj:
            return []
        money = ["monthly_price", "seat_price", "markup_percent"] if _dated(obj) else []
        return ["code", *money]  # tenants refer to the code; prices are dated terms

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # a plan that somebody is on cannot go; stop offering it instead


@admin.register(RegionQuota)
class RegionQuotaAdmin(ModelAdmin):
    """What all workspaces of a Region share; in effect within half a minute."""

    list_display: ClassVar = [
        "told", "guardrail_units_per_second", "burst_seconds", "source"
    ]  # fmt: skip

    @admin.display(description="Region")
    def told(self, row: RegionQuota) -> str:
        return str(row)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["region"] if obj else []


class PriceForm(forms.ModelForm):
    """A price that begins later; only a unit's first one may begin at any time."""

    class Meta:
        model = Price
        fields = "__all__"

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        begins = cleaned.get("effective_from")
        base, route = model_and_route(str(cleaned.get("model", "")))
        if base != cleaned.get("model", base):
            self.add_error(
                "model", f"Write {base}, and choose the route “{Price.Route(route).label}”."
            )
        same = {name: cleaned.get(name) for name in ("model", "route", "unit")}
        others = Price.objects.filter(**same).exclude(pk=self.instance.pk)
        if begins and begins <= datetime.now(UTC).date() and others.exists():
            self.add_error("effective_from", "The past never changes: begin on a later day.")
        return cleaned


@admin.register(Price)
class PriceAdmin(Importing, InDollars, Coded):
    """Add a row that begins on a later day; a price that has begun stays as it was."""

    form = PriceForm
    ranges: ClassVar = {"usd": (Decimal(0), None)}
    fields: ClassVar = ["model", "route", "unit", "usd", "per", "effective_from", "source"]
    readonly_fields: ClassVar = ["usd_told"]
    import_kind = "prices"
    import_help = (
        "CSV or a JSON list with model, route, unit, usd, per, effective_from, and if you like"
        " effective_until (the last day) and source."
    )
    list_display: ClassVar = [
        "model", "route", "unit", "usd_told", "per", "effective_from", "source",
    ]  # fmt: skip
    list_filter: ClassVar = ["route", "unit", "effective_from"]
    search_fields: ClassVar = ["model"]
    sortable_by: ClassVar[list[str]] = []
    list_per_page = 25
    date_hierarchy = "effective_from"

    def formfield_for_choice_field(self, db_field: Any, request: Any, **given: Any) -> Any:
        if db_field.name == "unit":
            units = sorted((unit_told(unit), unit.value) for unit in Unit)
            given["choices"] = [("", "–"), *((code, told) for told, code in units)]
        return super().formfield_for_choice_field(db_field, request, **given)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["usd_told" if each == "usd" and _begun(obj) else each for each in self.fields]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not _begun(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not _begun(obj)


def _begun(price: Price | None) -> bool:
    return price is not None and price.effective_from <= datetime.now(UTC).date()


@admin.register(LedgerLine)
class LedgerAdmin(InDollars, ReadOnly):
    empty = "Each model call is booked here when it has ended."
    list_display: ClassVar = [
        "created_at", "tenant_id", "feature", "model", "unit", "amount", "usd_told", "booked",
    ]  # fmt: skip
    list_filter: ClassVar = ["month", "kind", "estimated"]
    search_fields: ClassVar = ["request_id", "reservation_id", "tenant", "model"]
    list_per_page = 25  # of nine columns

    @admin.display(description="Quantity", ordering="quantity")
    def amount(self, row: LedgerLine) -> str:
        return f"{row.quantity:,}"

    @admin.display(description="Kind", ordering="kind")
    def booked(self, row: LedgerLine) -> str:
        kind = row.get_kind_display()
        return f"{kind}, estimated" if row.estimated else kind


@admin.register(AwsCostLine)
class AwsCostLineAdmin(InDollars, ReadOnly):
    """AWS's own bill, per tenant, model and day."""

    empty = "Lines come with AWS's first delivery of its bill."
    list_display: ClassVar = [
        "day", "source", "tenant_id", "model", "unit", "quantity", "usd_told", "entity",
        "usage_type", "attributed_by", "estimated",
    ]  # fmt: skip
    list_filter: ClassVar = ["source", "period", "entity", "attributed_by", "region"]
    search_fields: ClassVar = ["tenant_id", "model", "usage_type"]
    date_hierarchy = "day"


@admin.register(AwsCostDelivery)
class AwsCostDeliveryAdmin(InDollars, ReadOnly):
    empty = "AWS has delivered no bill yet."
    list_display: ClassVar = ["period", "read_at", "lines", "repeated", "usd_told", "execution_id"]


@admin.register(Reservation)
class ReservationAdmin(ReadOnly):
    empty = "A call reserves here what it may cost at most, before it is sent."
    list_display: ClassVar = [
        "created_at", "tenant_id", "feature", "model", "state", "call", "resolved_at",
    ]  # fmt: skip
    list_filter: ClassVar = ["state", "month", "feature"]
    search_fields: ClassVar = ["request_id", "id", "tenant_id"]
