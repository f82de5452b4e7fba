"""Staff: visits to workspaces, begun with a reason and listed for good."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tenants.accounts.audit import audit_write
from tenants.accounts.models import User
from tenants.accounts.selectors import staff_actor
from tenants.accounts.services import SECOND
from tenants.errors import TenantryError
from tenants.lifecycle.naming import url_for
from tenants.registry.admin import TenantAdmin
from tenants.registry.models import Impersonation, Tenant
from tenants.signin.impersonating import LENGTH, REASON, visit_begin, visits_stop
from tenants.staffpages import PageViews, ReadOnly


class VisitForm(forms.Form):
    """Whose place, and why."""

    email = forms.EmailField(max_length=254)
    reason = forms.CharField(min_length=REASON.start, max_length=REASON.stop - 1)


class GoesOnFilter(admin.SimpleListFilter):
    """Those that go on now, or those that are over."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("on", "Goes on"), ("over", "Over")]

    def queryset(
        self, request: HttpRequest, rows: QuerySet[Impersonation]
    ) -> QuerySet[Impersonation]:
        on = Q(ended_at=None, expires_at__gt=timezone.now())
        return {"on": rows.filter(on), "over": rows.exclude(on)}.get(self.value() or "", rows)


@admin.register(Impersonation)
class ImpersonationAdmin(PageViews, ReadOnly):
    """Who of staff looked at which workspace, when, why and as whom."""

    empty = "Nobody of staff has looked into a workspace. A visit begins in the list of workspaces."
    list_display: ClassVar = [
        "started_at", "state", "tenant_id", "colleague", "member", "reason", "writes",
    ]  # fmt: skip
    fields: ClassVar = [
        "workspace", "colleague", "member", "reason", "writes", "second", "started_at",
        "expires_at", "ended_at", "state",
    ]  # fmt: skip
    readonly_fields: ClassVar = ["workspace", "colleague", "member", "state"]
    list_filter: ClassVar = [GoesOnFilter, "writes"]
    search_fields: ClassVar = ["^address", "reason"]
    search_help_text = (
        "The beginning of a member's or a colleague's address, or a workspace's, or words of the"
        " reason"
    )
    actions: ClassVar = ["stop"]
    views: ClassVar = {"begin/": "begin"}

    class Media:
        css: ClassVar = {"all": ["billing/staff.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Impersonation]:
        rows: QuerySet[Impersonation] = super().get_queryset(request)
        named = User.objects.filter(id=OuterRef("staff_id")).values("email")[:1]
        slug = Tenant.objects.filter(id=OuterRef("tenant_id")).values("slug")[:1]
        return rows.annotate(staff_name=Subquery(named), slug=Subquery(slug))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Impersonation], search_term: str
    ) -> tuple[QuerySet[Impersonation], bool]:
        term = search_term.strip()
        wanted = Q(reason__icontains=term)
        for name in ("address", "staff_name", "slug"):
            wanted |= Q(**{f"{name}__istartswith": term})
        return (queryset.filter(wanted) if term else queryset), False

    @admin.display(description="Colleague", ordering="staff_name")
    def colleague(self, row: Any) -> str:
        return str(row.staff_name or row.staff_id)

    @admin.display(description="In the place of", ordering="address")
    def member(self, row: Impersonation) -> str:
        return row.address or str(row.user_id)

    @admin.display(description="State")
    def state(self, row: Impersonation) -> SafeString:
        tag, told = ("warn", "goes on until") if row.goes_on else ("good", "over since")
        return format_html(
            '<span class="sp-tag sp-tag--{}">{} {} UTC</span>', tag, told,
            row.over_at.strftime("%-d %b, %H:%M"),
        )  # fmt: skip

    def begin(self, request: HttpRequest) -> HttpResponse:
        """Ask for the member's address and the reason; then lead to the workspace's own host."""
        if not self.has_act_permission(request):
            raise PermissionDenied
        try:
            tenant = Tenant.objects.get(id=UUID(request.GET.get("tenant", "")))
        except (ValueError, Tenant.DoesNotExist) as error:
            raise Http404 from error
        request.forms_lead_to = url_for(tenant.slug)  # type: ignore[attr-defined]
        form, refused = VisitForm(request.POST or None), ""
        if request.method == "POST" and form.is_valid():
            try:
                address = visit_begin(
                    staff=staff_actor(request), tenant=tenant,
                    second=bool(request.session.get(SECOND)), **form.cleaned_data,
                )  # fmt: skip
                return HttpResponseRedirect(address)
            except TenantryError as error:
                refused = error.detail
        return self.shown(
            request,
            "staff/visit.html",
            title=f"Look into {tenant.name}",
            workspace=tenant,
            form=form,
            refused=refused,
            minutes=int(LENGTH.total_seconds() // 60),
        )

    @admin.action(permissions=["act"], description="End the visit")
    def stop(self, request: HttpRequest, rows: QuerySet[Impersonation]) -> None:
        actor = staff_actor(request)
        ended = visits_stop(rows)
        for visit in ended:
            audit_write(
                actor, action="workspace.visit_stop", object_type="workspace",
                object_id=visit.tenant_id, visit=str(visit.id),
            )  # fmt: skip
        self.message_user(request, f"{len(ended)} ended.")


@admin.action(permissions=["visit"], description="Look into it as a member…")
def visit(page: Any, request: HttpRequest, rows: QuerySet[Tenant]) -> HttpResponse:
    """Lead to the form, for the first of the chosen workspaces."""
    tenant = rows.order_by("slug").first()
    where = reverse("admin:registry_impersonation_begin")
    return HttpResponseRedirect(f"{where}?tenant={tenant.pk if tenant else ''}")


TenantAdmin.actions = [*TenantAdmin.actions, visit]
