"""What every request gets before its user is known: an id, probes, headers, maintenance."""

import re
import time
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind

from config.errors import error_page
from config.health import healthz, readyz
from config.telemetry import metrics
from tenants.errors import UnderMaintenance
from tenants.lifecycle.standing import schema_require
from tenants.logging import bound, called_from, request_id_of
from tenants.telemetry import HTTP_REQUESTS, span_open

GetResponse = Callable[[HttpRequest], HttpResponse]

METHODS: Final = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# Answered before the tenant middleware: a probe names no tenant.
PROBES: Final[dict[str, Callable[[HttpRequest], HttpResponse | None]]] = {
    "/healthz": healthz,
    "/readyz": readyz,
    "/metrics": metrics,
}

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


ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.\-:\[\]]+")
STORAGE: Final = re.compile(ORIGIN.pattern + r"/[A-Za-z0-9.\-/]+/")


def _policy(request: HttpRequest) -> str:
    """Return the policy as a view widens it.

    By one origin that its forms' answers redirect to, and by the workspace's own folder of storage
    that its script sends large files to. The banner of a visit, which is on every page of it, leads
    back to the admin.
    """
    policy = STAFF_POLICY if request.path_info.startswith("/admin/") else PAGE_POLICY
    leads = getattr(request, "forms_lead_to", "")
    if not leads and getattr(request, "impersonation", None):
        leads = settings.BASE_URL
    if ORIGIN.fullmatch(leads):
        policy = policy.replace("form-action 'self'", f"form-action 'self' {leads}")
    storage = getattr(request, "sends_to", "")
    if STORAGE.fullmatch(storage):
        policy = policy.replace("connect-src 'self'", f"connect-src 'self' {storage}")
    return policy


class RequestMiddleware:
    """Stamp the request with an id, answer probes, and set the headers that every answer has."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_id_of(request.headers.get("X-Request-ID", ""))
        request.request_id = request_id  # type: ignore[attr-defined]
        with bound(request_id=request_id), called_from(request.META.get("REMOTE_ADDR", "")):
            began = time.perf_counter()
            probe = PROBES.get(request.path_info)
            answered = probe(request) if probe else None
            response = answered or self._traced(request)
            match = request.resolver_match
            HTTP_REQUESTS.labels(
                request.method if request.method in METHODS else "_OTHER",
                match.route if match else "none",
                response.status_code,
            ).observe(time.perf_counter() - began)
        response["X-Request-ID"] = request_id
        response.headers.setdefault("Content-Security-Policy", _policy(request))
        # What a signed-in person has seen stays in no cache; a view may say otherwise.
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"
        )
        return response

    def _traced(self, request: HttpRequest) -> HttpResponse:
        """Answer within a span that continues the caller's trace, if it sent one."""
        caller = propagate.extract(request.headers)
        with trace.use_span(span_open("HTTP", SpanKind.SERVER, caller), end_on_exit=True) as span:
            response = self.get_response(request)
            if match := request.resolver_match:
                span.update_name(f"{request.method} {match.route}")
                span.set_attribute("http.route", match.route)
            span.set_attribute("http.request.method", request.method or "")
            span.set_attribute("http.response.status_code", response.status_code)
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
