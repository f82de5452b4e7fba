"""Staff: moves of workspaces between retrieval targets, asked for in the list of workspaces."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from search.errors import MoveUnderWay
from search.relocating import OPEN, relocation_request
from search.tasks import relocate
from tenants.accounts.selectors import staff_actor
from tenants.context import entered
from tenants.registry.admin import TenantAdmin
from tenants.registry.models import Relocation, Retrieval, Status, Tenant
from tenants.staffpages import ReadOnly

REFRESH = 2  # seconds


@admin.register(Relocation)
class RelocationAdmin(ReadOnly):
    """Moves between retrieval targets; the list renews itself while one is under way."""

    list_display: ClassVar = [
        "tenant_id", "target", "state", "progress", "error", "asked_at", "finished_at",
    ]  # fmt: skip
    list_filter: ClassVar = ["state", "target"]
    search_fields: ClassVar = ["tenant_id"]

    @admin.display(description="Passages moved")
    def progress(self, row: Relocation) -> SafeString | str:
        if not row.passages:
            return "-"
        there = max(row.passages - row.left, 0)
        return format_html(
            '<progress value="{}" max="{}"></progress> {} of {}',
            there, row.passages, f"{there:,}", f"{row.passages:,}",
        )  # fmt: skip

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        answer: HttpResponse = super().changelist_view(request, extra_context)
        if request.method == "GET" and Relocation.objects.filter(state__in=OPEN).exists():
            answer["Refresh"] = str(REFRESH)
        return answer


Action = Callable[[ModelAdmin, HttpRequest, QuerySet[Tenant]], HttpResponse]


def _moving_to(target: Retrieval) -> Action:
    @admin.action(permissions=["change"], description=f"Move vectors to: {target.label}")
    def move(page: ModelAdmin, request: HttpRequest, rows: QuerySet[Tenant]) -> HttpResponse:
        """Ask for the moves; the workspaces' own tasks do them."""
        actor, begun = staff_actor(request), 0
        for tenant in rows:
            if tenant.status != Status.ACTIVE or tenant.retrieval == target:
                page.message_user(request, f"{tenant.slug} stays: {_why(tenant)}.")
                continue
            try:
                relocation_request(tenant.id, target, actor=actor)
            except MoveUnderWay:
                page.message_user(request, f"{tenant.slug} is being moved already.")
                continue
            with entered(tenant.context):
                relocate.dispatch()
            begun += 1
        page.message_user(request, f"{begun} to be moved to {target.label}.")
        return HttpResponseRedirect(reverse("admin:registry_relocation_changelist"))

    move.__name__ = f"move_to_{target.value}"
    return move


def _why(tenant: Tenant) -> str:
    active = tenant.status == Status.ACTIVE
    return "it is there already" if active else f"it is {tenant.get_status_display().lower()}"


TenantAdmin.actions = [*TenantAdmin.actions, *map(_moving_to, Retrieval)]
