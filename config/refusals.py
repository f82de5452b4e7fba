"""A refusal for too many requests, given again to the same client while it holds.

A whole refused request costs the web process as much as half a model call, so that a workspace far
beyond its limit would slow its neighbours down. But a bucket that lacks a request grants none
before a time that it has told: until then the answer to the same request is known. It is given here
without a thread, the database or Redis, and counted and traced as the whole way does.

Only for a key that this process has authenticated within `KEPT_SECONDS`, on the same host, method
and path, with the same headers: whatever else might change the answer goes the whole way. A key
that is revoked, or a workspace that is suspended, is refused as such that soon. Views say by
`refused_unread` that their requests take from the buckets and leave nothing behind when they are
refused; the body, which may be malformed, is not looked at.
"""

import hashlib
import json
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest
from opentelemetry import propagate
from opentelemetry.trace import SpanKind

from billing.bucket import line_full
from billing.shared import BURST_PATIENCE
from tenants.context import TenantContext, current
from tenants.errors import RateLimited
from tenants.logging import bound, request_id_of
from tenants.telemetry import HTTP_REQUESTS, span_open

Scope = MutableMapping[str, Any]
Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]

KEPT_SECONDS: Final = 2.0  # from the request's beginning, and so from before its key was checked
KEPT_AT_MOST: Final = 1_024
BODY_AT_MOST: Final = 4_096  # bytes
NOTED: Final = "tenantry.refusals"  # in the scope: what the view's refusal was
ROOT: Final = "/api/v1/"
# What differs between requests that are answered alike.
OF_ONE_REQUEST: Final = {
    b"x-request-id", b"traceparent", b"tracestate", b"baggage", b"content-length", b"user-agent",
}  # fmt: skip
# A key's answer may be another's that was kept; a session may be staff's.
WHOLE_WAY: Final = {b"idempotency-key", b"cookie"}


@dataclass(frozen=True, slots=True)
class Noted:
    """What a view's refusal tells beside its answer."""

    tenant: TenantContext
    route: str
    until: float  # monotonic seconds


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer, in the parts that stay: `problem` without its two members of the request."""

    noted: Noted
    kept_until: float
    headers: list[tuple[bytes, bytes]]
    problem: dict[str, Any]

    def stands(self, now: float) -> bool:
        """Return whether the same request would be refused now, and without waiting in line."""
        left = self.noted.until - now
        if left <= 0 or now >= self.kept_until:
            return False
        return left >= BURST_PATIENCE or line_full(self.noted.tenant.id)


def refusal_note(error: RateLimited, request: HttpRequest, view: Any) -> None:
    """Tell the server's end of the request how long its refusal holds, if that is known."""
    notes = getattr(request, "scope", {}).get(NOTED)
    match = request.resolver_match
    if notes is not None and match and error.until and getattr(view, "refused_unread", False):
        notes.append(Noted(current(), match.route, error.until))


def with_refusals(application: Any) -> Any:
    """Return the ASGI `application` behind the refusals that still hold."""
    kept: OrderedDict[bytes, Refusal] = OrderedDict()

    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        key = _key(scope)
        if key is None:
            await application(scope, receive, send)
            return
        began = time.monotonic()
        if (known := kept.get(key)) is not None and known.stands(began):
            await _given_again(known, scope, receive, send)
            return
        notes: list[Noted] = []
        scope[NOTED] = notes
        said: list[Any] = []

        async def heard(message: Any) -> None:
            if notes and len(said) < 2:  # the start, and a body in one piece
                said.append(message)
            await send(message)

        await application(scope, receive, heard)
        if notes and (found := _refusal(notes[-1], said, began + KEPT_SECONDS)):
            kept[key] = found
            kept.move_to_end(key)
            if len(kept) > KEPT_AT_MOST:
                kept.popitem(last=False)

    return refusing


def _key(scope: Scope) -> bytes | None:
    """Return what tells requests apart; None for one that always goes the whole way."""
    if scope["method"] != "POST" or not scope["path"].startswith(ROOT):
        return None
    told = hashlib.sha256()
    bearer = False
    for name, value in scope["headers"]:
        if name in OF_ONE_REQUEST:
            continue
        if name in WHOLE_WAY:
            return None
        bearer = bearer or (name == b"authorization" and value[:7].lower() == b"bearer ")
        told.update(b"%s:%s\n" % (name, value))  # neither can hold the end of a line
    target = (scope["scheme"], scope["path"], scope["query_string"].decode("latin-1"))
    told.update(json.dumps(target).encode())
    return told.digest() if bearer else None


def _refusal(noted: Noted, said: list[Any], until: float) -> Refusal | None:
    """Return what can be given again of an answer, if it can be given exactly."""
    if len(said) != 2 or said[0].get("status") != RateLimited.status:
        return None
    headers, body = said[0]["headers"], said[1].get("body", b"")
    given = {name.lower(): value for name, value in headers}
    if b"set-cookie" in given or len(body) > BODY_AT_MOST or said[1].get("more_body"):
        return None
    problem = json.loads(body)
    if (
        _body(problem) != body
        or str(problem["request_id"]).encode() != given[b"x-request-id"]
        or str(problem["retry_after"]).encode() != given[b"retry-after"]
    ):
        return None
    return Refusal(noted, until, list(headers), problem)


def _body(problem: dict[str, Any]) -> bytes:
    """Return the document as REST's renderer writes it."""
    return json.dumps(problem, ensure_ascii=False, separators=(",", ":")).encode()


async def _given_again(known: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    began = time.monotonic()
    while (await receive()).get("more_body"):
        pass  # what is not read would cut the connection
    sent = {name: value.decode("latin-1") for name, value in scope["headers"]}
    request_id = request_id_of(sent.get(b"x-request-id", ""))
    caller = propagate.extract({"traceparent": sent.get(b"traceparent", ""),
                                "tracestate": sent.get(b"tracestate", "")})  # fmt: skip
    with bound(request_id=request_id):
        span = span_open(
            f"POST {known.noted.route}", SpanKind.SERVER, caller, tenant=known.noted.tenant
        )
    span.set_attribute("http.route", known.noted.route)
    span.set_attribute("http.request.method", "POST")
    span.set_attribute("http.response.status_code", RateLimited.status)
    wait = max(1, math.ceil(known.noted.until - began))
    body = _body(known.problem | {"request_id": request_id, "retry_after": wait})
    own = {
        b"x-request-id": request_id.encode(),
        b"retry-after": str(wait).encode(),
        b"content-length": str(len(body)).encode(),
    }
    headers = [(name, own.get(name.lower(), value)) for name, value in known.headers]
    start = {"type": "http.response.start", "status": RateLimited.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
    span.end()
    HTTP_REQUESTS.labels("POST", known.noted.route, RateLimited.status).observe(
        time.monotonic() - began
    )
