"""Staff: the operator's own users (rows of `public`; customers' users are in their schemas)."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import OuterRef, QuerySet, Subquery
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from tenants.accounts.audit import audit_write
from tenants.accounts.models import AuditEvent, StaffRole, User
from tenants.accounts.selectors import staff_actor
from tenants.signin.impersonating import visits_end
from tenants.signin.staffreset import staff_factors_reset
from tenants.staffpages import Acting, ReadOnly

admin.site.unregister(Group)  # rights come by role, see `config/staffroles.py`


class ColleagueForm(UserChangeForm):
    """Never without an administrator who can sign in."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        stays = cleaned.get("is_active") and cleaned.get("staff_role") == StaffRole.ADMINISTRATOR
        others = User.objects.filter(is_active=True, is_superuser=True).exclude(pk=self.instance.pk)
        if self.instance.is_superuser and not stays and not others.exists():
            raise ValidationError(
                "This is the last administrator: make another one first, or nobody could.",
                code="last_administrator",
            )
        return cleaned


@admin.register(User)
class StaffAdmin(Acting, UserAdmin, ModelAdmin):
    """Disable a colleague who leaves; the audit keeps referring to the row, so none is deleted."""

    form = ColleagueForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    ordering = ["email"]
    list_display = ["email", "name", "staff_role", "is_active", "second", "last_login"]
    list_filter = ["staff_role", "is_active"]
    search_fields = ["email", "name"]
    filter_horizontal = []
    readonly_fields = ["last_login", "created_at"]
    fieldsets = [
        (None, {"fields": ["email", "name", "password"]}),
        ("Rights", {"fields": ["is_active", "staff_role"]}),
        ("Dates", {"fields": ["last_login", "created_at"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "name", "staff_role", "password1", "password2"]})]
    actions = ["reset_factors"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        found: QuerySet[User] = super().get_queryset(request).prefetch_related("factors")
        return found

    @admin.display(description="Second factor", boolean=True)
    def second(self, row: User) -> bool:
        return bool(row.factors.all())

    @admin.action(
        permissions=["act"], description="Take the second factors of colleagues who lost them"
    )
    def reset_factors(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        """Take them and end what is open; the next sign-in sets one up, where one is required."""
        actor = staff_actor(request)
        for user in rows.exclude(pk=str(actor.user_id)):
            staff_factors_reset(actor=actor, user=user)
            self.message_user(
                request, f"{user.email} has no second factor any more, and is signed out."
            )
        if rows.filter(pk=str(actor.user_id)).exists():
            self.message_user(request, "Nobody resets their own: use a recovery code.")

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:
        """Save; the role makes an administrator, and the audit says who made whom what."""
        obj.is_staff = True
        obj.is_superuser = obj.staff_role == StaffRole.ADMINISTRATOR
        super().save_model(request, obj, form, change)
        if change:  # who may no more, looks no more
            visits_end(obj.id)
        audit_write(
            staff_actor(request), action="staff.change" if change else "staff.add",
            object_type="user", object_id=obj.id, role=obj.staff_role, active=obj.is_active,
        )  # fmt: skip

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(AuditEvent)
class AuditAdmin(ReadOnly):
    """What staff did; read-only."""

    list_display = ["at", "actor", "action", "object_type", "object_id", "told"]
    fields = ["at", "actor", "actor_kind", "action", "object_type", "object_id", "request_id",
              "address", "data"]  # fmt: skip
    readonly_fields = ["actor"]
    list_filter = ["action"]
    search_fields = ["object_id", "request_id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        rows: QuerySet[AuditEvent] = super().get_queryset(request)
        named = User.objects.filter(id=OuterRef("actor_id")).values("email")[:1]
        return rows.annotate(actor_email=Subquery(named))

    @admin.display(description="Who")
    def actor(self, row: Any) -> str:
        return str(row.actor_email or row.actor_id or row.actor_kind)

    @admin.display(description="What for")
    def told(self, row: AuditEvent) -> str:
        return str(row.data.get("reason") or "-")
