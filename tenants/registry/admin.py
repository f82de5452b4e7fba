"""Staff: tenants and their host names."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from unfold.admin import TabularInline

from tenants.accounts.audit import audit_write
from tenants.accounts.selectors import staff_actor
from tenants.errors import TenantryError
from tenants.lifecycle.health import probes
from tenants.lifecycle.onboarding import open_labels
from tenants.lifecycle.regionstate import GOING
from tenants.registry.deadtasks import arguments_told, dead_task_discard, dead_task_retry
from tenants.registry.models import (
    DeadTask,
    Domain,
    Offboarding,
    Onboarding,
    Posture,
    RegionMove,
    Tenant,
    TenantHealth,
)
from tenants.registry.staffsteps import STEPS, step_action
from tenants.registry.tasks import onboarding_dispatch
from tenants.staffforms import ModelAdmin
from tenants.staffpages import Acting, ReadOnly, codes_named

# What can be done about a move to another Region, by its state.
REGION_NEXT: Final = {
    "waiting": "The provisioning worker does it next; it can be given up.",
    "running": "It goes on by itself, also after a worker was lost.",
    "stopped": "Mend what stopped it, then let it go on (“Move to another Region”), or give it up"
    " (“Give a move to another Region up”). Until then the workspace stays closed.",
    "refused": "Nothing was done. Mend what it says and ask again.",
    "done": "Resume the workspace if it is still suspended.",
    "given_up": "Resume the workspace if it is still suspended.",
}
RENEWED: Final = mark_safe(
    ' hx-get="" hx-trigger="every 2s" hx-select="#region-move" hx-swap="outerHTML"'
)
BY_COMMAND: Final = (
    "`move_region` is at it. If that was killed, run it again, or ask for the same move here."
)
codes_named("posture", lambda code: str(dict(Posture.choices).get(code, code)))
LOOK_HERE: Final = format_html('<span class="sp-tag sp-tag--warn">{}</span>', "look here")


class DomainInline(TabularInline):
    model = Domain
    extra = 0
    hide_title = True

    def formfield_for_dbfield(self, db_field: Any, request: Any, **given: Any) -> Any:
        """Name each field for who does not see the column's head."""
        field = super().formfield_for_dbfield(db_field, request, **given)
        if field is not None:
            field.widget.attrs["aria-label"] = str(field.label)
        return field


class HealthFilter(admin.SimpleListFilter):
    """By how bad it is, or by what it is."""

    title = "health"
    parameter_name = "health"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        levels = [(str(level.value), level.label) for level in TenantHealth.Level]
        return [*levels, *((probe.name, f"Problem: {probe.label}") for probe in probes())]

    def queryset(self, request: HttpRequest, rows: QuerySet[Tenant]) -> QuerySet[Tenant]:
        value = self.value() or ""
        if value in map(str, TenantHealth.Level.values):
            return rows.filter(health__level=value)
        return rows.filter(health__problems__contains=[value]) if value else rows


@admin.register(Tenant)
class TenantAdmin(Acting, ModelAdmin):
    """Each workspace with its health; what is done with one asks first and wants a reason."""

    list_display: ClassVar = [
        "slug", "name", "plan", "posture", "region", "status", "health_told", "spend", "checked",
    ]  # fmt: skip
    list_filter: ClassVar = [HealthFilter, "status", "plan", "posture", "region"]
    list_select_related: ClassVar = ["health"]
    search_fields: ClassVar = ["^slug", "^name"]
    search_help_text = "Start of an address or a name, or an id"
    show_full_result_count = False
    readonly_fields: ClassVar = [
        "id", "slug", "schema_name", "plan", "posture", "region", "retrieval", "status",
        "created_at", "region_move", "findings",
    ]  # fmt: skip
    inlines: ClassVar = [DomainInline]
    change_form_outer_before_template = "staff/workspace_steps.html"
    actions: ClassVar[list[Any]] = [step_action(step) for step in STEPS]  # others add theirs

    class Media:
        css: ClassVar = {"all": ["billing/staff.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        rows: QuerySet[Tenant] = super().get_queryset(request).exclude(schema_name="public")
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Tenant], search_term: str
    ) -> tuple[QuerySet[Tenant], bool]:
        try:
            return queryset.filter(id=UUID(search_term.strip())), False
        except ValueError:
            found: tuple[QuerySet[Tenant], bool] = super().get_search_results(
                request, queryset, search_term
            )
            return found

    @admin.display(description="Health", ordering=Coalesce("health__level", Value(0)))
    def health_told(self, row: Tenant) -> SafeString | str:
        health = _health_of(row)
        if health is None:
            return "not looked at yet"
        labels = {probe.name: probe.label for probe in probes()}
        return format_html(
            '<span class="sp-tag sp-tag--{}">{}</span> {}',
            {0: "good", 1: "warn", 2: "bad"}[health.level],
            health.get_level_display(),
            ", ".join(labels.get(name, name) for name in health.problems),
        )

    @admin.display(description="Spend and cap")
    def spend(self, row: Tenant) -> str:
        health = _health_of(row)
        return str(health.figures.get("spend", {}).get("told", "-")) if health else "-"

    @admin.display(description="Looked at", ordering="health__checked_at")
    def checked(self, row: Tenant) -> Any:
        health = _health_of(row)
        return health.checked_at if health else None

    @admin.display(description="Health")
    def findings(self, row: Tenant) -> SafeString | str:
        health = _health_of(row)
        if health is None:
            return "Not looked at yet; every active workspace is, each five minutes."
        figures = health.figures
        lines = (
            (
                probe.label,
                figures[probe.name]["told"],
                LOOK_HERE if figures[probe.name]["level"] > 0 else "",
            )
            for probe in probes()
            if probe.name in figures
        )
        return format_html(
            "<dl>{}</dl><p>Looked at {} UTC.</p>",
            format_html_join("", "<dt><strong>{}</strong> {}</dt><dd>{}</dd>",
                             ((label, mark, told) for label, told, mark in lines)),
            health.checked_at.strftime("%-d %b %Y, %H:%M"),
        )  # fmt: skip

    @admin.display(description="Move to another Region")
    def region_move(self, row: Tenant) -> SafeString | str:
        move = RegionMove.objects.filter(tenant_id=row.id).first()
        return region_move_told(move) if move else "None yet."

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Offer on the workspace's page what the list's actions do with it."""
        steps = [(name, label) for name, (_, _, label) in self.get_actions(request).items()]
        context = {"steps": steps, **(extra_context or {})}
        answer: HttpResponse = super().change_view(request, object_id, form_url, context)
        return answer

    def has_suspend_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "suspend")

    def has_plan_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "plan")

    def has_move_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "move")

    def has_region_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "region")

    def has_provision_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "provision")

    def has_visit_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "visit")

    def has_offboard_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "offboard")

    def has_add_permission(self, request: object) -> bool:
        return False  # a row alone is no workspace: `create_workspace` makes schema and role too

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        return False


def region_state(move: RegionMove) -> SafeString:
    """Return the state of a move to another Region as a mark."""
    kind = {"stopped": "bad", "refused": "bad", "done": "good"}.get(move.state, "warn")
    return format_html('<span class="sp-tag sp-tag--{}">{}</span>', kind, move.get_state_display())


def region_move_told(move: RegionMove) -> SafeString:
    """Return how far a move is, and what staff can do about it; renews itself until it stands.

    What renews it is the page that it stands on, of which it takes its own part.
    """
    lines = [f"From {move.origin} to {move.target}, asked for {_moment(move.asked_at)}."]
    if move.back and move.state in GOING:
        lines.append("It is being given up.")
    if move.begun_at:
        lines.append(f"Begun {_moment(move.begun_at)}.")
    if move.step:
        lines.append(f"Last step, {_moment(move.changed_at)}: {move.step}.")
    if move.error:
        lines.append(move.error)
    by_command = move.state == RegionMove.State.RUNNING and move.asked_by is None
    lines.append(BY_COMMAND if by_command else REGION_NEXT[move.state])
    if move.finished_at:
        lines.append(f"Ended {_moment(move.finished_at)}.")
    return format_html(
        '<div role="status"><div class="sp-lines" id="region-move"{}>{}{}</div></div>',
        RENEWED if move.state in GOING else "",
        region_state(move),
        format_html_join("", "<p>{}</p>", ((line,) for line in lines if line)),
    )


def _moment(at: datetime) -> str:
    return f"{at:%-d %b %Y, %H:%M} UTC"


def _health_of(row: Tenant) -> TenantHealth | None:
    return getattr(row, "health", None)


@admin.register(Domain)
class DomainAdmin(ModelAdmin):
    list_display: ClassVar = ["domain", "workspace", "is_primary"]
    list_select_related: ClassVar = ["tenant"]
    search_fields: ClassVar = ["^domain"]

    @admin.display(description="Workspace", ordering="tenant")
    def workspace(self, row: Domain) -> str:
        return str(row.tenant)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **given: Any
    ) -> Any:
        return super().get_form(
            request, obj, change, **{"labels": {"tenant": "Workspace"}, **given}
        )


@admin.register(Onboarding)
class OnboardingAdmin(ReadOnly):
    """Workspaces being made: how far each is, and why a step failed."""

    empty = "A workspace stands here from its sign-up on, step by step until it is ready."
    list_display = ["slug", "state", "open_steps", "error", "attempts", "requested_at", "ready_at"]
    list_filter = ["state", "signed_up"]
    search_fields = ["slug", "tenant_id"]
    exclude = ["password"]
    actions = ["try_again"]

    @admin.display(description="Still to come")
    def open_steps(self, row: Onboarding) -> str:
        return ", ".join(open_labels(row)) or "-"

    @admin.action(permissions=["act"], description="Try the open steps again")
    def try_again(self, request: HttpRequest, rows: QuerySet[Onboarding]) -> None:
        """Have the provisioning worker go on with those that are not complete."""
        actor = staff_actor(request)
        unfinished = list(rows.exclude(state=Onboarding.State.DONE))
        for row in unfinished:
            audit_write(actor, action="workspace.setup_again", object_id=row.tenant_id)
            onboarding_dispatch(row.tenant_id)
        self.message_user(request, f"{len(unfinished)} are being tried again; reload to see how.")


@admin.register(DeadTask)
class DeadTaskAdmin(ReadOnly):
    """Tasks that failed for good. A retry sends one again, once, whoever asks with it."""

    empty = "No task has failed for good. One that does stands here until somebody sends it again."
    list_display: ClassVar = ["at", "tenant_id", "task", "error", "attempts", "times", "state"]
    list_filter: ClassVar = ["state", "task", "queue"]
    search_fields: ClassVar = ["^task", "tenant_id"]
    fields: ClassVar = [
        "task", "tenant_id", "queue", "given", "error", "attempts", "times", "first_at", "at",
        "state", "decided_by", "decided_at",
    ]  # fmt: skip
    readonly_fields: ClassVar = ["given"]
    actions: ClassVar = ["retry", "discard"]

    @admin.display(description="Arguments")
    def given(self, row: DeadTask) -> str:
        return arguments_told(row)

    @admin.action(permissions=["act"], description="Try again")
    def retry(self, request: HttpRequest, rows: QuerySet[DeadTask]) -> None:
        self._decide(request, rows, dead_task_retry, "sent again")

    @admin.action(permissions=["act"], description="Discard")
    def discard(self, request: HttpRequest, rows: QuerySet[DeadTask]) -> None:
        self._decide(request, rows, dead_task_discard, "discarded")

    def _decide(
        self,
        request: HttpRequest,
        rows: QuerySet[DeadTask],
        decide: Callable[..., None],
        done: str,
    ) -> None:
        actor, count = staff_actor(request), 0
        for row in rows:
            try:
                decide(actor=actor, row=row)
                count += 1
            except TenantryError as refused:
                self.message_user(request, f"{row.task}: {refused.detail}", messages.ERROR)
        if count:
            self.message_user(request, f"{count} {done}.")


@admin.register(Offboarding)
class OffboardingAdmin(ReadOnly):
    """Workspaces on their way out; a receipt stands on the row when all is erased."""

    empty = (
        "A workspace stands here from the day that it is asked to leave until all of it is erased."
    )
    list_display = ["slug", "state", "requested_at", "due_at", "finished_at", "error"]
    list_filter = ["state"]
    search_fields = ["slug", "tenant_id"]
