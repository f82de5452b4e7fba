"""Sessions are noted as they are used; staff's are held to the second factor."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

from tenants.accounts.services import SECOND
from tenants.signin.sessions import session_seen

GetResponse = Callable[[HttpRequest], HttpResponse]


class SessionSeenMiddleware:
    """Note, at most once a minute, that a workspace's session is used and from where."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if getattr(request, "tenant", None) is not None and request.user.is_authenticated:
            session_seen(request)
        return self.get_response(request)


class StaffSecondMiddleware:
    """End staff's sessions that began without a second factor, once the deployment requires one."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if (
            settings.STAFF_SECOND_FACTOR == "required"
            and request.path_info.startswith("/admin/")
            and getattr(request, "tenant", None) is None
            and request.user.is_authenticated
            and not request.session.get(SECOND)
        ):
            logout(request)
        return self.get_response(request)
