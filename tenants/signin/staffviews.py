"""Staff's sign-in in two steps, and their second factors; on the public host, under `admin/`."""

from functools import wraps
from typing import Any, Final, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from tenants.accounts.audit import audit_write
from tenants.accounts.forms import StaffSignInForm
from tenants.accounts.idempotency import form_once
from tenants.accounts.models import User
from tenants.accounts.permissions import View
from tenants.accounts.selectors import staff_actor
from tenants.accounts.services import PROVED, SECOND
from tenants.errors import Conflict, Invalid
from tenants.signin.factors import codes_renew, factor_remove, factors_of
from tenants.signin.impersonating import visits_end
from tenants.signin.models import RecoveryCode
from tenants.signin.policy import FRESH, second_needed
from tenants.signin.second import sign_in_begin
from tenants.signin.views import factor_from, set_up_context

SIGNED_OUT: Final = (
    '<div class="sp-lines" id="{}"><p>You are signed out, so this is no longer renewed.'
    ' <a class="sp-link" href="{}">Sign in again</a>, and you are back here.</p></div>'
)


@method_decorator([sensitive_post_parameters("password"), never_cache], name="dispatch")
class StaffSignInView(LoginView):
    """The password; what follows it is `sign_in_begin`'s, as in a workspace."""

    authentication_form = StaffSignInForm
    template_name = "admin/login.html"
    next_page = "admin:index"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the form; in a part of a page that renews itself, say that the session has ended."""
        if part := request.headers.get("HX-Target"):
            again = f"{request.path}?{urlencode({'next': self.get_redirect_url()})}"
            return HttpResponse(format_html(SIGNED_OUT, part, again))
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **given: Any) -> dict[str, Any]:
        shown = {
            **admin.site.each_context(self.request),
            "title": "Log in",
            "app_path": self.request.get_full_path(),
            **super().get_context_data(**given),
        }
        shown["next"] = self.get_redirect_url() or reverse("admin:index")
        return shown

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        assert isinstance(user, User)
        answer = sign_in_begin(self.request, user, self.get_success_url())
        if self.request.user.is_authenticated:  # the password was enough
            messages.warning(self.request, _offer())
        return answer


def _offer() -> str:
    return format_html(
        'Your password alone opens the admin. <a href="{}">Set up a second factor</a>, so that a'
        " stolen one does not.",
        reverse("staff-factors"),
    )


@require_POST
def staff_sign_out_action(request: HttpRequest) -> HttpResponse:
    """End the session, and with it the visits to workspaces."""
    if not admin.site.has_permission(request):
        return redirect("admin:index")
    if isinstance(request.user, User):
        visits_end(request.user.id)
        audit_write(
            staff_actor(request), action="session.end", object_type="user",
            object_id=request.user.id,
        )  # fmt: skip
    answer: HttpResponse = admin.site.logout(request)
    return answer


def staff_required(view: View) -> View:
    """Serve a page to staff who have shown their password in the last fifteen minutes."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        at = parse_datetime(request.session.get(PROVED, ""))
        fresh = at is not None and (timezone.now() - at).total_seconds() <= FRESH
        if not admin.site.has_permission(request) or not fresh:
            asked = urlencode({"next": reverse("staff-factors")})
            return redirect(f"{reverse('sign-in')}?{asked}")
        form_once(request)
        return view(request, *args, **kwargs)

    return cast(View, checked)


@sensitive_post_parameters()
@never_cache
@staff_required
def staff_factors_page(request: HttpRequest) -> HttpResponse:
    """Show one's own factors; POST adds the one that the form shows."""
    return _page(request)


def _page(request: HttpRequest, codes: list[str] | None = None) -> HttpResponse:
    user, error = request.user, ""
    assert isinstance(user, User)
    if request.method == "POST" and codes is None:
        try:
            codes = factor_from(request, user)
        except (Invalid, Conflict) as refused:
            error = refused.detail
        else:
            request.session[SECOND] = "set up"
            messages.success(request, "The factor is added.")
    context = {
        "error": error,
        "codes": codes,
        "factors": factors_of(user),
        "codes_left": RecoveryCode.objects.filter(user=user, used_at=None).count(),
        "needed": second_needed(user),
        **set_up_context(request, user),
    }
    return render(request, "staff/factors.html", context, status=422 if error else 200)


@require_POST
@never_cache
@staff_required
def staff_codes_action(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes, shown this once."""
    assert isinstance(request.user, User)
    return _page(request, codes_renew(actor=staff_actor(request), user=request.user))


@require_POST
@staff_required
def staff_factor_remove_action(request: HttpRequest, factor_id: UUID) -> HttpResponse:
    """Remove one of one's own factors; the last one only where none is required."""
    assert isinstance(request.user, User)
    try:
        factor_remove(actor=staff_actor(request), user=request.user, factor_id=factor_id)
    except Conflict as refused:
        messages.error(request, refused.detail)
    else:
        messages.success(request, "The factor is removed.")
    return redirect("staff-factors")
