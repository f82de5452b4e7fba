"""Staff: the operator's own users (rows of `public`; customers' users are in their schemas)."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.views import ChangeList

from tenants.accounts.audit import audit_write
from tenants.accounts.deeds import deed_told, object_told
from tenants.accounts.models import AuditEvent, StaffRole, User
from tenants.accounts.selectors import staff_actor
from tenants.naming import one_line
from tenants.signin.impersonating import visits_end
from tenants.signin.staffreset import staff_factors_reset
from tenants.staffforms import ModelAdmin
from tenants.staffpages import Acting, Found, ReadOnly

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
class StaffAdmin(Acting, UserAdmin, ModelAdmin):  # type: ignore[misc]  # Django says `change` by name
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
        obj.is_staff, obj.name = True, one_line(obj.name)
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


# What deeds of staff's are done to, by the kinds that their rows name.
MODELS: Final = {
    "workspace": "registry.Tenant",
    "user": "accounts.User",
    "task": "registry.DeadTask",
    "posture_request": "bedrock.PostureRequest",
    "invoice": "billing.Invoice",
    "credit": "billing.AccountCredit",
}


def kind_of(row: AuditEvent) -> str:
    """Return the kind of what a deed was done to; some deeds of a workspace's name none."""
    return row.object_type or ("workspace" if row.action.startswith("workspace.") else "")


def objects_of(rows: Sequence[AuditEvent]) -> list[Model | None]:
    """Return for each deed the row that it was done to, where there is one still.

    One statement for each kind that is among them.
    """
    ids: dict[str, set[Any]] = defaultdict(set)
    for row in rows:
        if (key := _key_of(row)) is not None:
            ids[kind_of(row)].add(key)
    found = {
        kind: apps.get_model(MODELS[kind])._default_manager.in_bulk(keys)
        for kind, keys in ids.items()
    }
    return [found.get(kind_of(row), {}).get(_key_of(row)) for row in rows]


def _key_of(row: AuditEvent) -> Any:
    try:
        return apps.get_model(MODELS[kind_of(row)])._meta.pk.to_python(row.object_id)
    except (KeyError, ValidationError):
        return None


def name_rows(request: HttpRequest, rows: Sequence[Any]) -> None:
    """Let deeds say who did them and what to, each leading to its page where that may be seen."""
    for row, done_to in zip(rows, objects_of(rows), strict=True):
        who = str(row.actor_email or row.actor_id or row.actor_kind)
        row.who = linked(request, User, row.actor_id, who) if row.actor_email else who
        kind = object_told(kind_of(row)) if kind_of(row) else ""
        if done_to is None:
            row.what = f"{kind} {row.object_id}".strip() or "-"
        else:
            name = linked(request, type(done_to), done_to.pk, str(done_to))
            row.what = format_html("{}: {}", kind, name)


def linked(request: HttpRequest, model: type[Model], key: Any, told: str) -> SafeString | str:
    """Return a row's name, leading to its page where who asks may see that."""
    page = admin.site._registry.get(model)
    if page is None or not page.has_view_permission(request):
        return told
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
    return format_html('<a class="sp-link" href="{}">{}</a>', reverse(name, args=[key]), told)


class AuditList(Found):
    """Names what the page's deeds were done to."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        name_rows(request, self.result_list)


@admin.register(AuditEvent)
class AuditAdmin(ReadOnly):
    """What staff did; read-only."""

    list_display = ["at", "actor", "deed", "done_to", "told"]
    fields = ["at", "actor", "actor_kind", "deed", "done_to", "object_id", "request_id", "address",
              "data"]  # fmt: skip
    readonly_fields = ["actor", "deed", "done_to"]
    list_filter = ["action"]
    search_fields = ["object_id", "request_id"]

    class Media:
        css: ClassVar = {"all": ["billing/staff.css"]}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return AuditList

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        rows: QuerySet[AuditEvent] = super().get_queryset(request)
        named = User.objects.filter(id=OuterRef("actor_id")).values("email")[:1]
        return rows.annotate(actor_email=Subquery(named))

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> AuditEvent | None:
        found: AuditEvent | None = super().get_object(request, object_id, from_field)
        if found is not None:
            name_rows(request, [found])
        return found

    @admin.display(description="Who")
    def actor(self, row: Any) -> SafeString | str:
        told: SafeString | str = row.who
        return told

    @admin.display(description="What", ordering="action")
    def deed(self, row: AuditEvent) -> str:
        return deed_told(row.action)

    @admin.display(description="Done to", ordering="object_id")
    def done_to(self, row: Any) -> SafeString | str:
        told: SafeString | str = row.what
        return told

    @admin.display(description="What for")
    def told(self, row: AuditEvent) -> str:
        return str(row.data.get("reason") or "-")
