"""Staff: visits to workspaces, begun with a reason and listed for good."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from tenants.accounts.audit import audit_write
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


@admin.register(Impersonation)
class ImpersonationAdmin(PageViews, ReadOnly):
    """Who of staff looked at which workspace, when, why and as whom."""

    list_display: ClassVar = [
        "started_at", "tenant_id", "staff_id", "user_id", "reason", "writes", "expires_at",
        "ended_at",
    ]  # fmt: skip
    list_filter: ClassVar = [("ended_at", admin.EmptyFieldListFilter), "writes"]
    search_fields: ClassVar = ["tenant_id", "staff_id", "reason"]
    actions: ClassVar = ["stop"]
    views: ClassVar = {"begin/": "begin"}

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
