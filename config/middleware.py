"""What every request gets before any tenant is known: an id, probes, headers, error pages."""

import re
import uuid
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

from config.health import healthz, readyz
from tenants.logging import bound

GetResponse = Callable[[HttpRequest], HttpResponse]

# Answered before the tenant middleware: a probe names no tenant.
PROBES: Final = {"/healthz": healthz, "/readyz": readyz}
GIVEN_ID: Final = re.compile(r"^[A-Za-z0-9-]{8,64}$")

# No inline script or style, nothing from elsewhere, no framing.
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
# django-unfold evaluates its Alpine attributes and styles inline; only staff ever load it.
STAFF_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


class RequestMiddleware:
    """Stamp the request with an id, answer probes, and set the headers that every answer has."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if GIVEN_ID.match(given) else str(uuid.uuid4())
        request.request_id = request_id  # type: ignore[attr-defined]
        with bound(request_id=request_id):
            probe = PROBES.get(request.path_info)
            response = (probe or self.get_response)(request)
        response["X-Request-ID"] = request_id
        staff = request.path_info.startswith("/admin/")
        response.headers.setdefault(
            "Content-Security-Policy", STAFF_POLICY if staff else PAGE_POLICY
        )
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"
        )
        return response
