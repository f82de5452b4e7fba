"""Settings, Members: who belongs here, who is invited; and the page of an invitation's link."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from tenants.accounts.forms import NameField
from tenants.accounts.invitations import invitation_of, invitations_open
from tenants.accounts.inviting import (
    A_DAY,
    AT_ONCE,
    invitation_accept,
    invitation_revoke,
    invitations_create,
)
from tenants.accounts.limits import SIGN_IN, attempt_count
from tenants.accounts.membership import active_set, member_of, ownership_transfer, role_set
from tenants.accounts.models import Role, User, role_reaches
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of, members_page_of
from tenants.accounts.settingspages import settings_page
from tenants.errors import Conflict, Invalid, NotFound
from tenants.seen import seen_turn
from tenants.signin.second import sign_in_begin

FILE_BYTES: Final = 64 * 1024


@role_required("viewer")
def members_page(request: HttpRequest) -> HttpResponse:
    """List who belongs to the workspace; admins invite, by POST, and change."""
    actor = actor_of(request)
    admin = role_reaches(actor.role, Role.ADMIN)
    context: dict[str, Any] = {"error": "", "invited": None}
    if request.method == "POST":
        return _invite(request, actor)
    return _page(request, admin=admin, context=context)


@role_required("admin")
def _invite(request: HttpRequest, actor: Any) -> HttpResponse:
    context: dict[str, Any] = {"lines": request.POST.get("lines", ""), "error": ""}
    try:
        context["invited"] = invitations_create(
            actor=actor,
            lines=context["lines"] + "\n" + _file(request),
            role=request.POST.get("role", Role.MEMBER),
        )
    except Invalid as refused:
        context["error"] = refused.detail
        return _page(request, admin=True, context=context, status=422)
    context["lines"] = "\n".join(row.line for row in context["invited"] if row.refused)
    return _page(request, admin=True, context=context)


def _file(request: HttpRequest) -> str:
    """Return the text of the CSV that was sent along. Raises Invalid."""
    file: Any = request.FILES.get("file")
    if file is None:
        return ""
    if file.size > FILE_BYTES:
        raise Invalid(
            _("The file may have %(size)s KB; %(lines)s lines are enough.")
            % {"size": FILE_BYTES // 1024, "lines": AT_ONCE}
        )
    try:
        return str(file.read().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Invalid(_("The file is not text in UTF-8; save it as CSV (UTF-8).")) from None


def _page(
    request: HttpRequest, *, admin: bool, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    owner = actor_of(request).role == Role.OWNER
    roles = [role for role in Role.choices if owner or role[0] != Role.OWNER]
    people = members_page_of(request.GET.get("at", ""))
    more = {
        "members": people.rows,
        **people.links(),
        "admin": admin,
        "owner": owner,
        "roles": roles,
        "waiting": list(invitations_open()) if admin else [],
        "at_once": AT_ONCE,
        "a_day": A_DAY,
    }
    return settings_page(request, "settings/members.html", {**more, **context}, status=status)


@require_POST
@role_required("admin")
def member_action(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Change one member: `role`, or `active` as yes or no; or hand the workspace on."""
    actor = actor_of(request)
    member_of(user_id)
    try:
        if "role" in request.POST:
            with seen_turn(request.POST, f"role:{user_id}", lambda: [member_of(user_id).role]):
                role_set(actor=actor, user_id=user_id, role=request.POST["role"])
        elif request.POST.get("active") in ("yes", "no"):
            active_set(actor=actor, user_id=user_id, active=request.POST["active"] == "yes")
        elif request.POST.get("transfer") == "yes":
            ownership_transfer(actor=actor, user_id=user_id)
        else:
            raise Invalid(_("Say what to change: role, active or transfer."))
    except (Conflict, Invalid) as refused:
        return _page(request, admin=True, context={"error": refused.detail}, status=422)
    return redirect("settings-members")


@require_POST
@role_required("admin")
def invitation_revoke_action(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """Take an invitation back."""
    invitation_revoke(actor=actor_of(request), invitation_id=invitation_id)
    return redirect("settings-members")


class JoinForm(forms.Form):
    """A name and a password."""

    name = NameField(max_length=120, label=gettext_lazy("Your name"))
    password = forms.CharField(
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("12 characters or more."),
    )

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        validate_password(password)
        return password


@sensitive_post_parameters("password")
@never_cache
def invitation_page(request: HttpRequest, token: str) -> HttpResponse:
    """Let the invited choose a name and a password, and sign them in."""
    form = JoinForm(request.POST or None)
    try:
        invitation = invitation_of(token)
        if request.method == "POST":
            attempt_count(SIGN_IN, request, invitation.email)
            if form.is_valid():
                user: User = invitation_accept(token=token, **form.cleaned_data)
                return sign_in_begin(request, user, "/")
    except NotFound:
        return render(request, "auth/invitation.html", {"invitation": None}, status=404)
    status = 422 if request.method == "POST" else 200
    return render(
        request, "auth/invitation.html", {"invitation": invitation, "form": form}, status=status
    )
