"""What a role may do, for REST views and for pages."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tenants.accounts.idempotency import form_once
from tenants.accounts.models import User, role_reaches
from tenants.accounts.scopes import scope_require
from tenants.accounts.targets import back_of
from tenants.errors import Forbidden

if TYPE_CHECKING:  # DRF's views read this module's classes while they are being imported
    from rest_framework.views import APIView

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


class RolePermission(BasePermission):
    """Allow what the view's `roles` name: `roles = {"GET": "viewer", "POST": "member"}`.

    A method that is missing there is refused: a new view opens nothing by accident.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        method = "GET" if request.method == "HEAD" else request.method or ""
        needed = getattr(view, "roles", {}).get(method)
        user: Any = request.user
        if not isinstance(user, User):
            return False
        if needed is None:
            return not hasattr(view, method.lower())  # then DRF answers 405
        if not role_reaches(user.role, needed):
            raise Forbidden
        scope_require(request.auth, request.path_info, method)
        return True


def role_required(needed: str) -> Callable[[View], View]:
    """Serve a page to users of the role `needed` or above; send strangers to sign in first."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            user = request.user
            if not isinstance(user, User):
                part = "text/event-stream" in request.headers.get("Accept", "")
                if part or request.headers.get("HX-Request"):
                    return HttpResponse(status=401)  # the page's script leads on from there
                return HttpResponseRedirect(f"/sign-in/?next={quote(back_of(request))}")
            if not role_reaches(user.role, needed):
                raise Forbidden
            form_once(request)
            return view(request, *args, **kwargs)

        checked.needed_role = needed  # type: ignore[attr-defined]
        return cast(View, checked)

    return decorate
