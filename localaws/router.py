"""Services of REST-JSON and JSON 1.1, routed and serialized from botocore's own models.

An operation's path, its parameters' places and constraints, and where each member of its answer
goes are read from the model, so that what is served cannot drift from what SDKs expect.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, OperationModel, ServiceModel, Shape

from localaws import eventstream
from localaws.errors import AwsError, invalid
from localaws.validation import accepted
from localaws.wire import Json, Request, Response

Handler = Callable[[Request, Json], Json]


class Router:
    """The operations of one service that this process answers."""

    def __init__(self, service: str) -> None:
        model = Loader().load_service_model(service, "service-2")
        self.service = service
        self.model = ServiceModel(model, service)
        self.signing_name = self.model.signing_name
        self.json = self.model.metadata["protocol"] == "json"
        self._target = self.model.metadata.get("targetPrefix", "")
        self._routes: dict[tuple[str, int], list[tuple[tuple[str, ...], str]]] = {}
        for name in self.model.operation_names:
            http = self.model.operation_model(name).http
            parts = tuple(http["requestUri"].partition("?")[0].strip("/").split("/"))
            self._routes.setdefault((http["method"], len(parts)), []).append((parts, name))
        for routes in self._routes.values():
            # Literal segments win over labels where both fit.
            routes.sort(key=lambda route: sum(part.startswith("{") for part in route[0]))

    def match(self, request: Request) -> tuple[str, dict[str, str]] | None:
        """The operation asked for, and its path labels; None where the service has none there."""
        if self.json:
            prefix, _, name = request.headers.get("x-amz-target", "").rpartition(".")
            known = prefix == self._target and name in self.model.operation_names
            return (name, {}) if known else None
        for parts, name in self._routes.get((request.method, len(request.segments)), ()):
            pairs = list(zip(parts, request.segments, strict=True))
            if all(part.startswith("{") or part == given for part, given in pairs):
                return name, {p[1:-1]: given for p, given in pairs if p.startswith("{")}
        return None

    def operation(self, name: str) -> OperationModel:
        """The modelled operation."""
        return self.model.operation_model(name)

    def parse(self, operation: str, labels: dict[str, str], request: Request) -> Json:
        """The operation's parameters from path, query, headers and body, validated."""
        shape = self.operation(operation).input_shape
        if shape is None:
            return {}
        params: Json = {}
        query = request.query
        payload = shape.serialization.get("payload")
        for name, member in shape.members.items():
            place = member.serialization.get("location")
            wire = member.serialization.get("name", name)
            if place == "uri":
                params[name] = labels[wire]
            elif place == "querystring":
                values = [value for key, value in query if key == wire]
                if values:
                    params[name] = values if isinstance(member, ListShape) else values[-1]
            elif place == "header" and wire.lower() in request.headers:
                params[name] = request.headers[wire.lower()]
            if name in params:
                params[name] = _coerce(member, params[name])
        if payload:
            params[payload] = request.body
        elif request.body:
            params.update(_json_body(request.body))
        checked: Json = accepted(shape, params)
        return checked

    def answer(self, operation: str, result: Json) -> Response:
        """Serialize a handler's result into the places that the model names."""
        model = self.operation(operation)
        response = Response(status=int(model.http.get("responseCode", 200)))
        shape = model.output_shape
        if shape is None:
            response.body = b"{}"
            return self._typed(response)
        body = dict(result)
        response.headers.update(body.pop("headers", {}))
        for name, member in shape.members.items():
            if name in body and member.serialization.get("location") == "header":
                value = str(body.pop(name))
                header = member.serialization["name"]
                if header.lower() == "content-type":
                    response.content_type = value
                else:
                    response.headers[header] = value
        payload = shape.serialization.get("payload")
        response.body = body[payload] if payload else _dump(body)
        if payload and shape.members[payload].serialization.get("eventstream"):
            response.content_type = eventstream.CONTENT_TYPE
        return self._typed(response)

    def refusal(self, error: AwsError) -> Response:
        """An error as the protocol carries it: its code in a header, or as the body's `__type`."""
        body = {"message": error.message, **error.extra}
        if self.json:
            body = {"__type": error.code, **body}
        # JSON 1.1 knows one status for what the caller did wrong.
        status = min(error.status, 400) if self.json and error.status < 500 else error.status
        response = Response.of_json(body, status)
        if not self.json:
            response.headers["x-amzn-errortype"] = error.code
        return self._typed(response)

    def _typed(self, response: Response) -> Response:
        if self.json:
            response.content_type = f"application/x-amz-json-{self.model.metadata['jsonVersion']}"
        return response


def _coerce(shape: Shape, value: Any) -> Any:
    try:
        if shape.type_name in ("integer", "long"):
            return int(value)
    except ValueError:
        raise invalid(f"Value {value!r} is not an integer") from None
    if shape.type_name == "boolean":
        return str(value).lower() == "true"
    return value


def _json_body(body: bytes) -> Json:
    try:
        document = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise AwsError("SerializationException", f"The body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise AwsError("SerializationException", "The body is not a JSON object")
    return document


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")


def _dump(body: Json) -> bytes:
    def plain(value: Any) -> str:
        if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        if isinstance(value, datetime):
            return value.isoformat()
        raise TypeError(type(value).__name__)

    return json.dumps(body, ensure_ascii=False, default=plain).encode()
