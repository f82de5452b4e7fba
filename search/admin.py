"""Staff: moves of workspaces to other retrieval targets and Regions, asked for in their list."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from search.errors import MoveUnderWay
from search.regionstaff import REGION, REGION_BACK
from search.relocating import OPEN, relocation_request
from search.tasks import relocate
from tenants.context import Actor, entered
from tenants.errors import Conflict
from tenants.lifecycle.regionstate import GOING
from tenants.registry.admin import TenantAdmin, region_move_told, region_state
from tenants.registry.models import RegionMove, Relocation, Retrieval, Status, Tenant
from tenants.registry.staffsteps import Step, step_action
from tenants.staffpages import ReadOnly

REFRESH = 2  # seconds


@admin.register(Relocation)
class RelocationAdmin(ReadOnly):
    """Moves between retrieval targets; the list renews itself while one is under way."""

    empty = (
        "A workspace whose passages move to another store stands here, with how far the move is."
    )
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


@admin.register(RegionMove)
class RegionMoveAdmin(ReadOnly):
    """Moves to other Regions; the list renews itself while the worker is at one."""

    list_display: ClassVar = [
        "tenant_id", "way", "told", "step", "error", "asked_at",
    ]  # fmt: skip
    list_filter: ClassVar = ["state", "target"]
    search_fields: ClassVar = ["tenant_id"]
    empty = "A workspace that moves to another Region stands here, with how far the move is."
    fields: ClassVar = ["tenant_id", "progress", "asked_by"]
    readonly_fields: ClassVar = ["progress"]

    class Media:
        css: ClassVar = {"all": ["billing/staff.css"]}

    @admin.display(description="Move", ordering="target")
    def way(self, row: RegionMove) -> SafeString:
        return format_html('<span class="sp-nowrap">{} to {}</span>', row.origin, row.target)

    @admin.display(description="Move to another Region")
    def progress(self, row: RegionMove) -> SafeString:
        return region_move_told(row)

    @admin.display(description="State", ordering="state")
    def told(self, row: RegionMove) -> SafeString:
        return region_state(row)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        answer: HttpResponse = super().changelist_view(request, extra_context)
        if request.method == "GET" and RegionMove.objects.filter(state__in=GOING).exists():
            answer["Refresh"] = str(REFRESH)
        return answer


def _told(tenant: Tenant, target: str) -> Sequence[str]:
    if tenant.status != Status.ACTIVE:
        raise Conflict(f"It is {tenant.get_status_display().lower()}.")
    if tenant.retrieval == target:
        raise Conflict("It is there already.")
    if Relocation.objects.filter(tenant_id=tenant.id, state__in=OPEN).exists():
        raise MoveUnderWay("It is being moved already.")
    return (
        f"Its vectors are copied from “{tenant.get_retrieval_display()}” to"
        f" “{Retrieval(target).label}”; texts stay where they are.",
        "The old place serves until the new one is complete; searching goes on meanwhile.",
    )


def _move(actor: Actor, tenant: Tenant, target: str) -> str:
    _told(tenant, target)
    relocation_request(tenant.id, target, actor=actor)
    with entered(tenant.context):
        relocate.dispatch()
    return f"{tenant.slug} is to be moved to {Retrieval(target).label}."


MOVE = Step(
    "move", "Move vectors", "move", _told, _move,
    choices=lambda _rows: [(value, str(label)) for value, label in Retrieval.choices],
    after="admin:registry_relocation_changelist",
)  # fmt: skip
TenantAdmin.actions = [
    *TenantAdmin.actions, *(step_action(step) for step in (MOVE, REGION, REGION_BACK)),
]  # fmt: skip
