"""What staff on a visit to a workspace may do there: this table, and nothing else.

They are no more than a member (`tenants/signin/impersonating.py`). They look at pages outside
CLOSED; where the workspace lets them write, they also send what WRITES names. Every other request
that could change something is refused, a new route among them.
"""

from collections.abc import Callable
from typing import Any, Final

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

from config.errors import error_page
from tenants.errors import Forbidden
from tenants.middleware import IMPERSONATION
from tenants.signin.impersonating import capped, visit_of

# Beginnings of routes that staff do not even look at: factors, keys, people, billing, policies.
CLOSED: Final = (
    "settings/security/", "settings/keys/", "settings/members/", "settings/groups/",
    "settings/audit/", "api/v1/groups/",
    "settings/data/", "settings/webhooks/", "usage/plans/", "usage/invoices/", "usage/limits/",
    "usage/alerts/", "api/v1/keys/", "api/v1/service-accounts/", "api/v1/members/",
    "api/v1/invitations/", "api/v1/sessions/", "api/v1/factors/", "api/v1/sign-in/",
    "api/v1/audit/", "api/v1/webhooks/", "api/v1/plans/",
    "api/v1/invoices/", "api/v1/usage/limits/", "api/v1/usage/alerts/", "api/v1/data/",
)  # fmt: skip
# Whole files and whole conversations leave by these; invoices are closed above.
TAKES_OUT: Final = ("/export/", "/original/")
# With whom a collection is shared: lists of people, wherever they stand (its page leaves them out).
LISTS_PEOPLE: Final = ("/members/", "/groups/")
WRITES: Final = frozenset(
    {
        "assistant/", "assistant/<uuid:conversation_id>/",
        "assistant/<uuid:conversation_id>/rename/", "ask/", "documents/",
        "documents/<uuid:document_id>/retry/", "api/v1/ask/", "api/v1/search/", "api/v1/write/",
        "api/v1/documents/", "api/v1/documents/<uuid:document_id>/retry/",
        "api/v1/conversations/", "api/v1/conversations/<uuid:conversation_id>/messages/",
        "api/v1/conversations/<uuid:conversation_id>/stop/",
    }
)  # fmt: skip
ALWAYS: Final = frozenset({"staff-visit/end/", "sign-out/"})
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
GetResponse = Callable[[HttpRequest], HttpResponse]


def visitor_may(route: str, method: str, *, writes: bool) -> bool:
    """Return whether staff on a visit may send this."""
    if route in ALWAYS:
        return True
    closed = (*TAKES_OUT, *LISTS_PEOPLE)
    if route.startswith(CLOSED) or any(part in f"/{route}" for part in closed):
        return False
    return method in SAFE or (writes and method == "POST" and route in WRITES)


class VisitMiddleware:
    """Ask for each request of a visit's session whether the visit goes on, and what it may."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if getattr(request, "tenant", None) is not None and request.user.is_authenticated:
            visit_id = request.session.get(IMPERSONATION)
            if visit_id is not None:
                visit = visit_of(visit_id)
                if visit is None:
                    logout(request)
                else:
                    capped(request.user)
                    request.impersonation = visit  # type: ignore[attr-defined]
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        visit = getattr(request, "impersonation", None)
        match = request.resolver_match
        if visit is None or match is None:
            return None
        if visitor_may(match.route, request.method or "", writes=visit.writes):
            return None
        return error_page(
            request,
            Forbidden("Staff on a visit may look at what a member sees, and not at or do this."),
        )
