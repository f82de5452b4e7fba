"""Staff: the operator's own users (rows of `public`; customers' users are in their schemas)."""

from typing import ClassVar

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm

from tenants.accounts.models import AuditEvent, User


@admin.register(User)
class StaffAdmin(UserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]
    """Disable a colleague who leaves; the audit keeps referring to the row, so none is deleted."""

    change_password_form = AdminPasswordChangeForm
    ordering: ClassVar = ["email"]  # type: ignore[assignment]
    list_display: ClassVar = ["email", "name", "is_active", "is_superuser", "last_login"]  # type: ignore[assignment]
    list_filter: ClassVar = ["is_active", "is_superuser"]  # type: ignore[assignment]
    search_fields: ClassVar = ["email", "name"]
    filter_horizontal: ClassVar = ["groups", "user_permissions"]  # type: ignore[assignment]
    readonly_fields: ClassVar = ["last_login", "created_at"]
    fieldsets: ClassVar = [  # type: ignore[assignment]
        (None, {"fields": ["email", "name", "password"]}),
        ("Rights", {"fields": ["is_active", "is_staff", "is_superuser", "groups"]}),
        ("Dates", {"fields": ["last_login", "created_at"]}),
    ]
    add_fieldsets: ClassVar = [(None, {"fields": ["email", "name", "password1", "password2"]})]  # type: ignore[assignment]

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        return False


@admin.register(AuditEvent)
class AuditAdmin(ModelAdmin):  # type: ignore[misc]
    """What staff did; read-only."""

    list_display: ClassVar = ["at", "actor_id", "action", "object_type", "object_id"]
    list_filter: ClassVar = ["action"]

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        return False
