"""Settings, Groups: which there are and who is in them."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from tenants.accounts.groups import (
    NAME_CHARACTERS,
    group_add,
    group_create,
    group_delete,
    group_of,
    group_rename,
    group_take,
    groups,
)
from tenants.accounts.models import Role, User, role_reaches
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.accounts.settingspages import settings_page
from tenants.errors import Conflict, Invalid, NotFound
from tenants.seen import seen_turn


@role_required("viewer")
def groups_page(request: HttpRequest) -> HttpResponse:
    """List the groups with their people; admins make one, by POST."""
    if request.method == "POST":
        return _create(request)
    return _page(request)


def _page(request: HttpRequest, error: str = "", group_id: UUID | None = None) -> HttpResponse:
    """Show the groups; what was typed and refused stays in its form, of `group_id` or of none."""
    context: dict[str, Any] = {
        "error": error,
        "refused": group_id,
        "act": request.POST.get("act", ""),
        "groups": groups().prefetch_related("memberships__user"),
        "admin": role_reaches(actor_of(request).role, Role.ADMIN),
        "people": User.objects.filter(is_active=True, is_service=False),
        "name_characters": NAME_CHARACTERS,
        "name": request.POST.get("name", "") if error else "",
        "email": request.POST.get("email", "") if error else "",
    }
    return settings_page(request, "settings/groups.html", context, status=422 if error else 200)


@role_required("admin")
def _create(request: HttpRequest) -> HttpResponse:
    try:
        made = group_create(actor=actor_of(request), name=request.POST.get("name", ""))
    except (Invalid, Conflict) as refused:
        return _page(request, refused.detail)
    messages.success(request, _("Group “%(name)s” made") % {"name": made.name})
    return redirect("settings-groups")


@require_POST
@role_required("admin")
def group_action(request: HttpRequest, group_id: UUID) -> HttpResponse:
    """Change one group: `act` is rename, add, take or delete."""
    actor, act = actor_of(request), request.POST.get("act", "")
    group_of(group_id)
    try:
        if act == "rename":
            with seen_turn(request.POST, f"group:{group_id}", lambda: [group_of(group_id).name]):
                group_rename(actor=actor, group_id=group_id, name=request.POST.get("name", ""))
        elif act == "add":
            group_add(actor=actor, group_id=group_id, user_id=_user(request))
        elif act == "take":
            group_take(actor=actor, group_id=group_id, user_id=_user(request))
        elif act == "delete":
            group_delete(actor=actor, group_id=group_id)
        else:
            raise Invalid(_("Say what to change: rename, add, take or delete."))
    except (Invalid, Conflict) as refused:
        return _page(request, refused.detail, group_id)
    messages.success(request, _("Groups saved"))
    return redirect("settings-groups")


def _user(request: HttpRequest) -> UUID:
    """Return whom a form is about: by the address that was typed, or by id."""
    email = request.POST.get("email", "").strip().lower()
    if email:
        found = User.objects.filter(email=email, is_active=True, is_service=False).first()
        if found is None:
            raise Invalid(_("There is no such active member in this workspace."))
        return found.id
    try:
        return UUID(request.POST.get("user", ""))
    except ValueError:
        raise NotFound(_("There is no such active member in this workspace.")) from None
