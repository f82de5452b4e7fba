"""Services of the JSON 1.1 protocol: one address, the operation in `X-Amz-Target`.

Parameters are checked against botocore's own service model, and answers are written by it.
https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from localaws.dispatch import Authorize
from localaws.errors import AwsError, invalid
from localaws.wire import Json, Request, Response

CONTENT_TYPE = "application/x-amz-json-1.1"


class JsonService:
    """One service and the operations of it that this process answers."""

    def __init__(self, service: str, handlers: dict[str, Callable[[Request, Json], Json]]) -> None:
        model = Loader().load_service_model(service, "service-2")
        self.model = ServiceModel(model, service)
        self._handlers = handlers
        self._validator = ParamValidator()

    def handle(self, request: Request, authorize: Authorize) -> Response:
        """Answer one request that `authorize` lets the caller make."""
        try:
            body, status = self._answer(request, authorize), 200
            headers = {}
        except AwsError as error:
            body = {"__type": error.code, "message": error.message, **error.extra}
            status, headers = error.status, {"x-amzn-errortype": error.code}
        headers["x-amzn-requestid"] = request.request_id
        content = json.dumps(body, default=_plain).encode()
        return Response(status, content, CONTENT_TYPE, headers)

    def _answer(self, request: Request, authorize: Authorize) -> Json:
        if request.caller.expired:
            raise AwsError(
                "ExpiredTokenException",
                "The security token included in the request is expired",
                status=400,
            )
        prefix, _, operation = request.headers.get("x-amz-target", "").rpartition(".")
        if (
            prefix != self.model.metadata["targetPrefix"]
            or operation not in self.model.operation_names
        ):
            raise AwsError("UnknownOperationException", "There is no such operation.")
        handler = self._handlers.get(operation)
        if handler is None:
            raise invalid(f"The local AWS does not offer {operation}.")
        try:
            params = json.loads(request.body or b"{}")
        except ValueError as error:
            raise AwsError("SerializationException", f"The body is not JSON: {error}") from None
        if not isinstance(params, dict):
            raise AwsError("SerializationException", "The body is not a JSON object")
        shape = self.model.operation_model(operation).input_shape
        if shape is not None:
            report = self._validator.validate(params, shape)
            if report.has_errors():
                raise invalid("1 validation error detected: " + report.generate_report())
        authorize(request.caller, self.model.service_name, operation, params)
        return handler(request, params)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(type(value).__name__)
