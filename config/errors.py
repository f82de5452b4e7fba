"""The renderers of the error tree: problem+json for REST and fragments, a page for people.

Sockets and event streams have theirs in `tenants/foreseen.py`.
"""

import math
import sys
from typing import Any, Final

import structlog
from botocore.exceptions import BotoCoreError, ClientError
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    ValidationError,
)
from django.db import DataError, InterfaceError, OperationalError
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    JsonResponse,
)
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from psycopg_pool import PoolTimeout
from redis import RedisError
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import set_rollback

from config.fielderrors import first_named
from config.refusals import refusal_note
from tenants.accounts.idempotency import Answered
from tenants.accounts.models import User
from tenants.accounts.targets import next_of
from tenants.ended import ended
from tenants.errors import (
    Forbidden,
    Invalid,
    NotAuthenticated,
    NotFound,
    RateLimited,
    TenantryError,
    TenantUnavailable,
    Unavailable,
)
from tenants.logging import request_id

log = structlog.get_logger(__name__)

PROBLEM: Final = "application/problem+json"
PAGES: Final = {400, 403, 404, 429, 500, 503}
# Failures of the parts below that pass by themselves: a restart, a failover, a full pool.
PASSING: Final = (
    OperationalError,
    InterfaceError,
    PoolTimeout,
    RedisError,
    BotoCoreError,
    ClientError,
)


class _Wrapped(TenantryError):
    """A framework's error with its status, in our form."""

    def __init__(self, code: str, status: int, detail: str, **extra: Any) -> None:
        self.code, self.status = code, status
        super().__init__(detail, **extra)


class ServerError(TenantryError):
    code = "server_error"
    status = 500
    title = gettext_lazy("Something went wrong on our side; it has been recorded")


def ours(error: BaseException) -> TenantryError:
    """Return `error` as one of the tree; what nobody foresaw is logged and becomes ServerError."""
    match error:
        case TenantryError():
            if error.status >= 500 and not error.retryable:
                log.error("defect", code=error.code, exc_info=error)
            elif error.status == 403:
                log.warning("access.refused", code=error.code)
            return error
        case Http404():
            return NotFound()
        case PermissionDenied() | drf.PermissionDenied():
            return Forbidden(_text(error))
        case drf.NotAuthenticated():
            return NotAuthenticated()
        case drf.AuthenticationFailed():
            return NotAuthenticated(_text(error))
        case drf.ValidationError():
            return Invalid(first_named(error.detail), errors=error.detail)
        case drf.ParseError():
            return Invalid(_("The body could not be read: %(why)s") % {"why": _text(error)})
        case drf.MethodNotAllowed():
            return _Wrapped("method_not_allowed", 405, _text(error))
        case drf.UnsupportedMediaType():
            return _Wrapped("unsupported_media_type", 415, _text(error))
        case drf.NotAcceptable():
            return _Wrapped("not_acceptable", 406, _text(error))
        case RequestDataTooBig():
            return _Wrapped("too_large", 413, _("The body is too large; files go to documents/."))
        case RecursionError():  # json's answer to a body nested thousands deep
            return Invalid(_("The body is nested too deeply."))
        case DataError() if gone := ended(error):
            return gone
        case SuspiciousOperation() | DataError() | ValidationError():  # NUL in a text, a bad id
            return Invalid(_("The request holds a value that cannot be read or stored."))
        case drf.APIException():
            return _Wrapped(str(error.default_code), error.status_code, _text(error))
    if isinstance(error, PASSING):
        log.warning("part.unavailable", error=type(error).__name__, message=str(error)[:300])
        return Unavailable(retry_after=2)
    if gone := ended(error):
        return gone
    log.error("unforeseen", exc_info=error)
    return ServerError()


def _text(error: BaseException) -> str:
    detail = getattr(error, "detail", None)
    return str(detail if detail is not None else error) or ""


def problem(error: TenantryError) -> dict[str, Any]:
    """Return the RFC 9457 document of an error."""
    return {
        "type": "about:blank",
        "title": str(error.title),
        "status": error.status,
        "code": error.code,
        "detail": _writable(error.detail),
        "request_id": request_id(),
        **_writable(error.extra),
    }


def _writable(value: Any) -> Any:
    """Return what an error quotes of a request, without half characters: no answer holds them."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_writable(name): _writable(each) for name, each in value.items()}
    return [_writable(each) for each in value] if isinstance(value, list | tuple) else value


def _headers(error: TenantryError) -> dict[str, str]:
    headers = {}
    if "retry_after" in error.extra:
        headers["Retry-After"] = str(error.extra["retry_after"])
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="api"'
    return headers


def problem_response(error: Exception, context: dict[str, Any]) -> HttpResponseBase:
    """DRF's exception handler."""
    if isinstance(error, Answered):
        return error.response
    found = ours(error)
    if isinstance(error, drf.UnsupportedMediaType):
        kinds = ", ".join(parser.media_type for parser in context["view"].parser_classes)
        found = _Wrapped(found.code, 415, _("Send the body as %(kinds)s.") % {"kinds": kinds})
    if isinstance(found, RateLimited):
        refusal_note(found, context["request"]._request, context["view"])
    set_rollback()
    if isinstance(found, TenantUnavailable):
        return _ended()
    return Response(
        problem(found), status=found.status, headers=_headers(found), content_type=PROBLEM
    )


def _ended() -> HttpResponse:
    """Have the seam answer: of a workspace that has ended, no page could be rendered any more."""
    response = HttpResponse(status=404)
    response.tenant_ended = True  # type: ignore[attr-defined]
    return response


def error_page(request: HttpRequest, error: TenantryError) -> HttpResponse:
    """Return the error as a problem document for programs and fragments, as a page for people."""
    if isinstance(error, TenantUnavailable) and hasattr(request, "tenant"):
        return _ended()
    return _page(request, error)


def _page(request: HttpRequest, error: TenantryError) -> HttpResponse:
    wants_json = request.path_info.startswith(("/api/", "/webhooks/")) or request.headers.get(
        "HX-Request"
    )
    if wants_json or "text/html" not in request.headers.get("Accept", "text/html"):
        response: HttpResponse = JsonResponse(
            problem(error), status=error.status, content_type=PROBLEM
        )
    else:
        page = error.status if error.status in PAGES else (400 if error.status < 500 else 500)
        wait = int(error.extra.get("retry_after") or 0)
        minutes = math.ceil(wait / 60) if wait > 90 else 0  # what nobody counts in seconds
        context = {"error": problem(error), "minutes": minutes}
        response = render(request, f"errors/{page}.html", context, status=error.status)
    for name, value in _headers(error).items():
        response[name] = value
    return response


class RenderErrors:
    """Innermost middleware: what a page's view raises becomes its page, inside the tenant."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response: HttpResponse = self.get_response(request)
        if not isinstance(response, HttpResponseNotAllowed):
            return response
        detail = _("This address takes what a form sends; it shows no page of its own.")
        page = error_page(request, _Wrapped("method_not_allowed", 405, detail))
        page["Allow"] = response["Allow"]
        return page

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse:
        if isinstance(error, Answered):
            return error.response
        return error_page(request, ours(error))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what is not there; of a host that names no workspace the seam says so in its cause."""
    cause = exception.__cause__
    return _page(request, cause if isinstance(cause, TenantUnavailable) else NotFound())


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django itself refuses, such as a session that ended while it was used."""
    return error_page(request, ended(exception) or _Wrapped("bad_request", 400, ""))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer what a middleware raised: Django calls this while handling it."""
    return error_page(request, ours(sys.exc_info()[1] or ServerError()))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    log.info("csrf.refused", reason=reason)
    stale = not reason.startswith("Origin checking failed")  # and no other site's form
    signed_in = isinstance(getattr(request, "user", None), User)
    if stale and signed_in and request.path_info == "/sign-in/":
        return HttpResponseRedirect(next_of(request))  # signed in by another tab meanwhile
    return error_page(
        request,
        _Wrapped(
            "csrf_failed",
            403,
            _(
                "The page was open for long, or you signed in again meanwhile, so what it sent was"
                " not accepted."
            ),
        ),
    )
