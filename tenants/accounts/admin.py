"""Staff: the operator's own users (rows of `public`; customers' users are in their schemas)."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm

from tenants.accounts.models import AuditEvent, User
from tenants.staffpages import ReadOnly


@admin.register(User)
class StaffAdmin(UserAdmin, ModelAdmin):
    """Disable a colleague who leaves; the audit keeps referring to the row, so none is deleted."""

    change_password_form = AdminPasswordChangeForm
    ordering = ["email"]
    list_display = ["email", "name", "is_active", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_superuser"]
    search_fields = ["email", "name"]
    filter_horizontal = ["groups", "user_permissions"]
    readonly_fields = ["last_login", "created_at"]
    fieldsets = [
        (None, {"fields": ["email", "name", "password"]}),
        ("Rights", {"fields": ["is_active", "is_staff", "is_superuser", "groups"]}),
        ("Dates", {"fields": ["last_login", "created_at"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "name", "password1", "password2"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> list[str]:
        """Only a superuser gives rights: nobody promotes themselves."""
        rights = [] if request.user.is_superuser else ["is_staff", "is_superuser", "groups"]
        return [*super().get_readonly_fields(request, obj), *rights]

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        return False


@admin.register(AuditEvent)
class AuditAdmin(ReadOnly):
    """What staff did; read-only."""

    list_display = ["at", "actor_id", "action", "object_type", "object_id"]
    list_filter = ["action"]
