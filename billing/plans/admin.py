"""Staff: dated terms of plans, and prices or terms from a file."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path

from billing.invoices.models import PlanChange, PlanVersion
from billing.plans.importing import MOST_BYTES, import_read, import_take
from billing.plans.terms import terms_read
from tenants.accounts.audit import audit_write
from tenants.context import Actor
from tenants.errors import Conflict, Invalid
from tenants.staffforms import ModelAdmin
from tenants.staffpages import ReadOnly


def staff_of(request: HttpRequest) -> Actor:
    """Return the member of staff who acts."""
    return Actor(user_id=request.user.pk, role="staff", kind="session")


class Importing:
    """A page at `import/` that reads a file, shows the difference, and takes it when confirmed."""

    import_kind = ""
    import_help = ""

    def get_urls(self) -> list[URLPattern]:
        own = path("import/", admin.site.admin_view(self.import_page))
        return [own, *super().get_urls()]  # type: ignore[misc]

    def import_page(self, request: HttpRequest) -> HttpResponse:
        """Show the form, a preview of a file, or take the file that was previewed."""
        if not self.has_add_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        text, preview = "", None
        if request.method == "POST":
            text = _uploaded(request)
            preview = import_read(self.import_kind, text)
            if request.POST.get("confirmed") and not preview.faults:
                return self._taken(request, text)
        meta = self.model._meta  # type: ignore[attr-defined]
        context = {
            **admin.site.each_context(request),
            "title": f"Import {self.import_kind}",
            "opts": meta,
            "preview": preview,
            "text": text,
            "help": self.import_help,
        }
        return render(request, "admin/billing/import.html", context)

    def _taken(self, request: HttpRequest, text: str) -> HttpResponse:
        try:
            count = import_take(self.import_kind, text)
        except Conflict as error:
            messages.error(request, error.detail)
        else:
            audit_write(
                staff_of(request),
                action=f"{self.import_kind}.import",
                object_type=self.import_kind,
                rows=count,
            )
            messages.success(request, f"{count} rows are taken.")
        return redirect("..")


def _uploaded(request: HttpRequest) -> str:
    file = request.FILES.get("file")
    if file is None:
        return str(request.POST.get("text", ""))
    return bytes(file.read(MOST_BYTES + 1)).decode("utf-8", "replace")


class VersionForm(forms.ModelForm):
    """Terms that can be used, from a month that has not begun."""

    class Meta:
        model = PlanVersion
        fields: ClassVar = ["plan", "effective_from", "terms", "source"]
        help_texts: ClassVar = {
            "terms": "JSON with the keys that the plan's newest version has: open it and copy it."
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        begins, plan = cleaned.get("effective_from"), cleaned.get("plan")
        if begins and begins.day != 1:
            self.add_error("effective_from", "Terms begin on the first of a month.")
        elif (
            begins
            and plan
            and begins <= datetime.now(UTC).date()
            and plan.versions.exclude(pk=self.instance.pk).exists()
        ):
            self.add_error("effective_from", "The past never changes: begin in a later month.")
        if plan and "terms" in cleaned:
            try:
                terms_read(plan.code, plan.name, cleaned["terms"])
            except Invalid as error:
                self.add_error("terms", error.detail)
        return cleaned


@admin.register(PlanVersion)
class PlanVersionAdmin(Importing, ModelAdmin):
    """What a plan charges, from a month on. Add a row that begins later; none is edited after."""

    form = VersionForm
    import_kind = "terms"
    import_help = "A JSON list of {plan, effective_from, terms, source}."
    list_display: ClassVar = ["plan", "effective_from", "price", "source", "created_at"]
    list_filter: ClassVar = ["plan", "effective_from"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"terms": {}, **super().get_changeform_initial_data(request)}

    @admin.display(description="monthly price, USD")
    def price(self, row: PlanVersion) -> str:
        return f"{Decimal(str(row.terms.get('monthly_price', 0))):,.2f}"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not _begun(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not _begun(obj)


def _begun(version: PlanVersion | None) -> bool:
    return version is not None and version.effective_from <= datetime.now(UTC).date()


@admin.register(PlanChange)
class PlanChangeAdmin(ReadOnly):
    """Which workspace was on which plan since when."""

    list_display: ClassVar = ["at", "tenant_id", "plan"]
    list_filter: ClassVar = ["plan"]
    search_fields: ClassVar = ["tenant_id"]
