"""Staff: tenants and their host names."""

from typing import ClassVar

from django.contrib import admin
from unfold.admin import ModelAdmin, TabularInline

from tenants.registry.models import Domain, Tenant


class DomainInline(TabularInline):  # type: ignore[misc]
    model = Domain
    extra = 0


@admin.register(Tenant)
class TenantAdmin(ModelAdmin):  # type: ignore[misc]
    """Plan, posture, Region and state of each workspace."""

    list_display: ClassVar = ["slug", "name", "plan", "posture", "region", "retrieval", "status"]
    list_filter: ClassVar = ["status", "plan", "posture", "region"]
    search_fields: ClassVar = ["slug", "name", "id"]
    readonly_fields: ClassVar = ["id", "slug", "schema_name", "region", "retrieval", "created_at"]
    inlines: ClassVar = [DomainInline]

    def has_add_permission(self, request: object) -> bool:
        return False  # a row alone is no workspace: `create_workspace` makes schema and role too

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        return False


@admin.register(Domain)
class DomainAdmin(ModelAdmin):  # type: ignore[misc]
    list_display: ClassVar = ["domain", "tenant", "is_primary"]
    search_fields: ClassVar = ["domain"]
