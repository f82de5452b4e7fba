"""Staff: tenants and their host names."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from tenants.accounts.audit import audit_write
from tenants.accounts.selectors import staff_actor
from tenants.lifecycle.onboarding import open_labels
from tenants.registry.models import Domain, Offboarding, Onboarding, Status, Tenant
from tenants.registry.tasks import onboarding_dispatch
from tenants.sockets import workspace_sockets_close
from tenants.staffpages import ReadOnly


class DomainInline(TabularInline):
    model = Domain
    extra = 0


@admin.register(Tenant)
class TenantAdmin(ModelAdmin):
    """Plan, posture, Region and state of each workspace."""

    list_display = ["slug", "name", "plan", "posture", "region", "retrieval", "status"]
    list_filter = ["status", "plan", "posture", "region"]
    search_fields = ["slug", "name", "id"]
    readonly_fields = ["id", "slug", "schema_name", "region", "retrieval", "created_at"]
    inlines = [DomainInline]
    actions: ClassVar[list[Any]] = []  # further floors add theirs

    def save_model(self, request: HttpRequest, obj: Tenant, form: ModelForm, change: bool) -> None:
        """Save, and end what is open once the workspace is no longer to be served."""
        super().save_model(request, obj, form, change)
        if "status" in form.changed_data and obj.status != Status.ACTIVE:
            context = obj.context
            transaction.on_commit(lambda: workspace_sockets_close(context))

    def has_add_permission(self, request: object) -> bool:
        return False  # a row alone is no workspace: `create_workspace` makes schema and role too

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        return False


@admin.register(Domain)
class DomainAdmin(ModelAdmin):
    list_display = ["domain", "tenant", "is_primary"]
    search_fields = ["domain"]


@admin.register(Onboarding)
class OnboardingAdmin(ReadOnly):
    """Workspaces being made: how far each is, and why a step failed."""

    list_display = ["slug", "state", "open_steps", "error", "attempts", "requested_at", "ready_at"]
    list_filter = ["state", "signed_up"]
    search_fields = ["slug", "tenant_id"]
    exclude = ["password"]
    actions = ["try_again"]

    @admin.display(description="Still to come")
    def open_steps(self, row: Onboarding) -> str:
        return ", ".join(open_labels(row)) or "-"

    @admin.action(description="Try the open steps again")
    def try_again(self, request: HttpRequest, rows: QuerySet[Onboarding]) -> None:
        """Have the provisioning worker go on with those that are not complete."""
        actor = staff_actor(request)
        unfinished = list(rows.exclude(state=Onboarding.State.DONE))
        for row in unfinished:
            audit_write(actor, action="workspace.setup_again", object_id=row.tenant_id)
            onboarding_dispatch(row.tenant_id)
        self.message_user(request, f"{len(unfinished)} are being tried again; reload to see how.")


@admin.register(Offboarding)
class OffboardingAdmin(ReadOnly):
    """Workspaces on their way out; a receipt stands on the row when all is erased."""

    list_display = ["slug", "state", "requested_at", "due_at", "finished_at", "error"]
    list_filter = ["state"]
    search_fields = ["slug", "tenant_id"]
