"""What every request gets before its user is known: an id, probes, headers, maintenance."""

import re
import uuid
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

from config.errors import error_page
from config.health import healthz, readyz
from tenants.errors import UnderMaintenance
from tenants.lifecycle.standing import schema_require
from tenants.logging import bound, called_from

GetResponse = Callable[[HttpRequest], HttpResponse]

# Answered before the tenant middleware: a probe names no tenant.
PROBES: Final = {"/healthz": healthz, "/readyz": readyz}
GIVEN_ID: Final = re.compile(r"^[A-Za-z0-9-]{8,64}$")

# No inline script or style, nothing from elsewhere, no framing.
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
# django-unfold evaluates its Alpine attributes and styles inline; only staff ever load it.
STAFF_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "object-src 'none'"
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
        with bound(request_id=request_id), called_from(request.META.get("REMOTE_ADDR", "")):
            probe = PROBES.get(request.path_info)
            response = (probe or self.get_response)(request)
        response["X-Request-ID"] = request_id
        staff = request.path_info.startswith("/admin/")
        response.headers.setdefault(
            "Content-Security-Policy", STAFF_POLICY if staff else PAGE_POLICY
        )
        # What a signed-in person has seen stays in no cache; a view may say otherwise.
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"
        )
        return response


class MaintenanceMiddleware:
    """Answer for a tenant whose schema stands behind the code, before anything reads it."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if hasattr(request, "tenant"):
            try:
                schema_require()
            except UnderMaintenance as error:
                return error_page(request, error)
        return self.get_response(request)
