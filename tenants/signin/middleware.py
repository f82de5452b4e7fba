"""Sessions are noted as they are used."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

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
