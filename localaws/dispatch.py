"""Which operation a request is for, and the steps that every one of them goes through.

A part of local AWS (Bedrock's runtime, Knowledge Bases, Cost Explorer, …) brings a `Service`: a
`Router` made from botocore's service model, and its handlers by operation. The order is the same
for all: expired credentials, parameters by the model, authorization by IAM, then the handler,
which takes a script and notes the call.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from localaws import conformance
from localaws.errors import AwsError, invalid
from localaws.identity import Caller
from localaws.router import Handler, Router
from localaws.wire import Json, Request, Response

Service = tuple[Router, dict[str, Handler]]
Authorize = Callable[[Caller, str, str, Json], None]
"""(caller, service, operation, parameters): raises AccessDeniedException."""

MAX_BODY_BYTES = 25_000_000  # of one request to Bedrock

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Route:
    router: Router
    operation: str
    labels: dict[str, str]
    handler: Handler


class Dispatcher:
    """The operations of all services, reached by signing name, method and path or target."""

    def __init__(self, services: Sequence[Service], authorize: Authorize) -> None:
        self._services = services
        self._authorize = authorize
        self._strict = os.environ.get("LOCALAWS_CHECK") == "1"
        self.served: Counter[tuple[str, str]] = Counter()

    def offers(self, signing_name: str) -> bool:
        """Whether requests signed for a service are answered here."""
        return any(router.signing_name == signing_name for router, _ in self._services)

    def operations(self) -> list[Json]:
        """Every operation offered, and how often it was answered without an error."""
        return [
            {
                "service": router.service,
                "operation": name,
                "served": self.served[router.service, name],
            }
            for router, handlers in self._services
            for name in sorted(handlers)
        ]

    def handle(self, request: Request) -> Response:
        """Answer one request; a defect of ours is AWS's InternalServerException, never a hang."""
        route: _Route | None = None
        try:
            if len(request.body) > MAX_BODY_BYTES:
                raise AwsError("RequestEntityTooLargeException", "Request Entity Too Large")
            route = self._route(request)
            response = self._answer(route, request)
        except AwsError as error:
            response = self._refusal(route, request, error)
        except conformance.NotAsModelled as wrong:
            response = self._failure(request, str(wrong))
        except Exception:
            _log.exception("%s %s failed", request.method, "/".join(request.segments))
            response = self._failure(request, "The local AWS failed; its log says why.")
        response.headers["x-amzn-requestid"] = request.request_id
        return response

    def _answer(self, route: _Route, request: Request) -> Response:
        if request.caller.expired:
            raise AwsError(
                "ExpiredTokenException", "The security token included in the request is expired"
            )
        router, operation = route.router, route.operation
        params = router.parse(operation, route.labels, request)
        self._authorize(request.caller, router.service, operation, params)
        response = router.answer(operation, route.handler(request, params))
        if self._strict:
            conformance.check(router.operation(operation), response)
        self.served[router.service, operation] += 1
        return response

    def _refusal(self, route: _Route | None, request: Request, error: AwsError) -> Response:
        if route is None:
            return self._first(request).refusal(error)
        if self._strict:
            model = route.router.operation(route.operation)
            try:
                conformance.check_error(model, error, json_errors=route.router.json)
            except conformance.NotAsModelled as wrong:
                return self._failure(request, str(wrong))
        return route.router.refusal(error)

    def _failure(self, request: Request, words: str) -> Response:
        return self._first(request).refusal(AwsError("InternalServerException", words))

    def _first(self, request: Request) -> Router:
        """A router of the request's protocol, for errors that come before an operation."""
        return next(
            router for router, _ in self._services if router.signing_name == request.caller.service
        )

    def _route(self, request: Request) -> _Route:
        """The offered operation; services of one signing name may share a path."""
        known: tuple[Router, str, dict[str, str]] | None = None
        for router, handlers in self._services:
            if router.signing_name != request.caller.service:
                continue
            matched = router.match(request)
            if matched is None:
                continue
            operation, labels = matched
            if operation in handlers:
                return _Route(router, operation, labels, handlers[operation])
            known = known or (router, operation, labels)
        if known:
            router, operation, labels = known
            # Who may not is told so, whether or not the operation is offered.
            params = router.parse(operation, labels, request)
            self._authorize(request.caller, router.service, operation, params)
            raise invalid(f"The local AWS does not offer {operation}.")
        raise AwsError("UnknownOperationException", "There is no such operation.")
