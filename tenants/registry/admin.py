"""Staff: tenants and their host names."""

from collections.abc import Callable
from typing import Any, ClassVar, Final
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline

from tenants.accounts.audit import audit_write
from tenants.accounts.selectors import staff_actor
from tenants.errors import TenantryError
from tenants.lifecycle.health import probes
from tenants.lifecycle.onboarding import open_labels
from tenants.registry.deadtasks import arguments_told, dead_task_discard, dead_task_retry
from tenants.registry.models import DeadTask, Domain, Offboarding, Onboarding, Tenant, TenantHealth
from tenants.registry.staffsteps import STEPS, step_action
from tenants.registry.tasks import onboarding_dispatch
from tenants.staffpages import Acting, ReadOnly

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
        "created_at", "findings",
    ]  # fmt: skip
    inlines: ClassVar = [DomainInline]
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

    def has_suspend_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "suspend")

    def has_plan_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "plan")

    def has_move_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "move")

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


def _health_of(row: Tenant) -> TenantHealth | None:
    return getattr(row, "health", None)


@admin.register(Domain)
class DomainAdmin(ModelAdmin):
    list_display: ClassVar = ["domain", "tenant", "is_primary"]
    list_select_related: ClassVar = ["tenant"]
    search_fields: ClassVar = ["^domain"]


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
