"""Calls that recur, sent to AWS with botocore's parts but without what gives the same each time.

For each call botocore walks through hooks, endpoint rules, the service's model and three
dictionaries of headers: half of what a short call computes. Here botocore prepares the first call
of a kind (an operation, a model, the parameters that are headers); those that follow fill in what
differs and are signed by its signer, sent by its session and read by its parser. A kind whose first
call does not come out byte for byte the same stays botocore's, and so does whatever fails: it
judges the failure, sends again where it would, and raises its own.
"""

import json
import re
import uuid
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.compat import get_current_datetime
from botocore.context import with_current_context
from botocore.endpoint import convert_to_response_dict

from tenants.awswire import Head, shorten

OPERATIONS: Final = {
    "InvokeModel": "invoke_model",
    "Converse": "converse",
    "ConverseStream": "converse_stream",
    "ApplyGuardrail": "apply_guardrail",
}
# What listens to a call by itself. Where anything else does, every call stays botocore's.
_USUAL: Final = {
    "provide-client-params": [],
    "before-endpoint-resolution": [],
    "before-call": ["add_recursion_detection_header", "inject_api_version_header_if_needed"],
    "request-created": [
        "RequestSigner.handler",
        "MaxAttemptsSeeder.seed_max_attempts",
        "UserAgentString.rebuild_and_replace_user_agent_handler",
        "add_retry_headers",
    ],
    "choose-signer": ["set_operation_specific_signer", "_set_auth_scheme_preference_signer"],
    "before-send": [],
    "response-received": [],
    "before-parse": [],
    "after-call": ["RetryQuotaChecker.release_retry_quota"],
    "after-call-error": [],
}
_KINDS_AT_MOST: Final = 2048  # of a client's operation; then it learns them anew
_SIGNED: Final = re.compile("SignedHeaders=([^,]+), ")
_DATE, _TOKEN, _AUTHORIZATION = "X-Amz-Date", "X-Amz-Security-Token", "Authorization"
_INVOCATION, _LENGTH = "amz-sdk-invocation-id", "Content-Length"


def lean(client: Any) -> None:
    """Let a bedrock-runtime client send its usual calls so; its hooks must stand by now."""
    shorten(client._endpoint.http_session)
    for operation, method in OPERATIONS.items():
        way = _Way(client, operation)
        setattr(client, method, way.call)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the calls of a kind have in common."""

    url: str
    headers: tuple[tuple[str, bytes | None, str], ...]  # name, value or None, whose it is then
    before: str  # of the canonical request, all before its headers
    signed: tuple[tuple[str, str | None, str], ...]  # the same of the headers that are signed
    names: str
    signing_name: str
    region: str


class _Way:
    """One operation of one client."""

    def __init__(self, client: Any, operation: str) -> None:
        self._client = client
        self._plain: Callable[..., Any] = getattr(client, OPERATIONS[operation])
        self._model = client.meta.service_model.operation_model(operation)
        self._event = f"{client.meta.service_model.service_id.hyphenize()}.{operation}"
        self._guards = self._listening("before-parameter-build")
        self._parser = client._endpoint._response_parser_factory.create_parser(
            self._model.service_model.resolved_protocol
        )
        shape = self._model.input_shape
        self._places = {
            name: (member.serialization.get("location"), member.serialization.get("name", name))
            for name, member in shape.members.items()
        }
        self._payload = shape.serialization.get("payload")
        self._streams = self._model.has_event_stream_output or self._model.has_streaming_output
        self._kinds: dict[tuple[Any, ...], _Kind | None] = {}

    def _listening(self, event: str) -> list[Any]:
        handlers = self._client.meta.events._emitter._handlers
        return list(handlers.prefix_search(f"{event}.{self._event}"))

    def _usual(self) -> bool:
        """Return whether nothing listens that the calls of a kind would not hear of."""
        retries = self._client.meta.config.retries or {}
        return retries.get("total_max_attempts") == 1 and all(
            [getattr(each, "__qualname__", "") for each in self._listening(event)] == names
            for event, names in _USUAL.items()
        )

    def call(self, **params: Any) -> Any:
        """Call the operation. Returns and raises what botocore does."""
        kind = self._kinds.get(key := self._key(params), _UNKNOWN)
        if kind is None:
            return self._plain(**params)
        context = {
            "client_region": self._client.meta.region_name,
            "client_config": self._client.meta.config,
            "has_streaming_input": self._model.has_streaming_input,
            "auth_type": self._model.resolved_auth_type,
            "unsigned_payload": self._model.unsigned_payload,
            "auth_options": self._client._service_model.metadata.get("auth"),
        }
        if kind is _UNKNOWN:
            kind = self._learn(key, params, dict(context))
            if kind is None:
                return self._plain(**params)
        for guard in self._guards:
            guard(params=params, model=self._model, context=context)
        return self._sent(kind, params, context)

    def _key(self, params: dict[str, Any]) -> tuple[Any, ...]:
        """Return of which kind a call is: which parameters it has, the values of its path's."""
        return tuple(
            (name, value) if self._places.get(name, _NOWHERE)[0] == "uri" else name
            for name, value in params.items()
            if value is not None
        )

    # The first of a kind -----------------------------------------------------------------------

    @with_current_context()
    def _learn(self, key: Any, params: dict[str, Any], context: dict[str, Any]) -> _Kind | None:
        """Return the kind of a call, or None where botocore alone knows how to send it."""
        if len(self._kinds) >= _KINDS_AT_MOST:
            self._kinds.clear()
        for guard in self._guards:
            guard(params=params, model=self._model, context=context)
        made = None
        if self._usual() and all(self._place_is_known(name) for name in params):
            request = self._serialized(params, context)
            self._client._endpoint._update_retries_context(context, 1)
            prepared = self._client._endpoint.create_request(request, self._model)
            made = self._taken_apart(prepared, params, context)
            if made is not None and not self._is_told_by(made, prepared, params, context):
                made = None
        self._kinds[key] = made
        return made

    def _place_is_known(self, name: str) -> bool:
        location = self._places.get(name, ("?", ""))[0]
        shape = self._model.input_shape.members.get(name)
        return location in (None, "uri") or (location == "header" and shape.type_name == "string")

    def _serialized(self, params: dict[str, Any], context: dict[str, Any]) -> Any:
        """Return the request as botocore would, up to its preparation."""
        client = self._client
        url, headers, properties = client._resolve_endpoint_ruleset(self._model, params, context)
        if properties:
            context["endpoint_properties"] = properties
        request = client._convert_to_request_dict(
            api_params=params,
            operation_model=self._model,
            endpoint_url=url,
            context=context,
            headers=headers,
        )
        client.meta.events.emit(
            f"before-call.{self._event}",
            model=self._model,
            params=request,
            request_signer=client._request_signer,
            context=context,
        )
        return request

    def _taken_apart(
        self, prepared: Any, params: dict[str, Any], context: dict[str, Any]
    ) -> _Kind | None:
        """Return what a prepared request holds for the next ones too."""
        found = {name: value.decode() for name, value in _bytes_of(prepared.headers)}
        authorization = _SIGNED.search(found.get(_AUTHORIZATION, ""))
        if authorization is None or not isinstance(prepared.body, bytes):
            return None
        given = {
            wire.lower(): name
            for name, (location, wire) in self._places.items()
            if location == "header" and name in params
        }
        ours = {name.lower() for name in (_DATE, _TOKEN, _AUTHORIZATION, _INVOCATION, _LENGTH)}
        headers = tuple(
            (name, None if name.lower() in ours or name.lower() in given else value.encode(),
             given.get(name.lower(), name))
            for name, value in found.items()
        )  # fmt: skip
        signing = context.get("signing", {})
        region = signing.get("region") or self._client.meta.region_name
        service = signing.get("signing_name") or self._client._request_signer.signing_name
        names = authorization[1]
        request = AWSRequest(
            method=prepared.method,
            url=prepared.url,
            data=prepared.body,
            headers={n: v for n, v in found.items() if n.lower() in names.split(";")},
        )
        request.context = context
        signer = SigV4Auth(signing["request_credentials"].get_frozen_credentials(), service, region)
        method, path, query, *lines = signer.canonical_request(request).split("\n")
        signed = []
        for name, line in zip(names.split(";"), lines, strict=False):
            whose = given.get(name) or (name if name in ours else "")
            signed.append((name, None if whose else line, whose))
        before = f"{method}\n{path}\n{query}\n"
        return _Kind(prepared.url, headers, before, tuple(signed), names, service, region)

    def _is_told_by(
        self, kind: _Kind, prepared: Any, params: dict[str, Any], context: dict[str, Any]
    ) -> bool:
        """Return whether the kind gives the request that it was taken from, to the letter."""
        again: Any = self._filled(
            kind, params, context, context["timestamp"], context["retries"]["invocation-id"]
        )
        return (again.method, again.url, again.body, list(again.headers.items())) == (
            prepared.method,
            prepared.url,
            prepared.body,
            _bytes_of(prepared.headers),
        )

    # All others --------------------------------------------------------------------------------

    def _body(self, params: dict[str, Any]) -> bytes:
        if self._payload is not None:
            body = params.get(self._payload) or b""
            return body.encode() if isinstance(body, str) else body
        carried = {
            name: value
            for name, value in params.items()
            if value is not None and self._places[name][0] is None
        }
        return json.dumps(carried, default=_as_text).encode()

    def _filled(
        self, kind: _Kind, params: dict[str, Any], context: dict[str, Any], now: str, number: str
    ) -> AWSPreparedRequest:
        """Return the signed request."""
        credentials = context["signing"]["request_credentials"].get_frozen_credentials()
        signer: Any = SigV4Auth(credentials, kind.signing_name, kind.region)
        body = self._body(params)
        told = {
            _DATE: now,
            _TOKEN: credentials.token or "",
            _INVOCATION: number,
            _LENGTH: str(len(body)),
        }
        lower = {_DATE.lower(): now, _TOKEN.lower(): told[_TOKEN]}
        stated: Any = SimpleNamespace(context={**context, "timestamp": now}, body=body,
                                      url=kind.url)  # fmt: skip
        lines = [
            line or f"{name}:{signer._header_value(lower.get(whose) or params[whose])}"
            for name, line, whose in kind.signed
        ]
        canonical = f"{kind.before}{chr(10).join(lines)}\n\n{kind.names}\n{signer.payload(stated)}"
        signature = signer.signature(signer.string_to_sign(stated, canonical), stated)
        told[_AUTHORIZATION] = (
            f"AWS4-HMAC-SHA256 Credential={signer.scope(stated)}, "
            f"SignedHeaders={kind.names}, Signature={signature}"
        )
        headers: Any = Head(
            (name, value if value is not None else (told.get(whose) or params[whose]).encode())
            for name, value, whose in kind.headers
        )
        return AWSPreparedRequest("POST", kind.url, headers, body, self._streams, context)

    def _sent(self, kind: _Kind, params: dict[str, Any], context: dict[str, Any]) -> Any:
        now = get_current_datetime().strftime(SIGV4_TIMESTAMP)
        number = str(uuid.uuid4())
        request = self._filled(kind, params, context, now, number)
        endpoint = self._client._endpoint
        try:
            received = endpoint.http_session.send(request)
        except Exception as error:
            return self._judged(params, context, number, None, error)
        answer = convert_to_response_dict(received, self._model)
        parsed = self._parser.parse(answer, self._model.output_shape)
        if received.status_code >= 300:
            endpoint._add_modeled_error_fields(answer, parsed, self._model, self._parser)
            return self._judged(params, context, number, (received, parsed), None)
        parsed["ResponseMetadata"].update(MaxAttemptsReached=True, RetryAttempts=0)
        return parsed

    @with_current_context()
    def _judged(
        self, params: dict[str, Any], context: dict[str, Any], number: str, answer: Any, error: Any
    ) -> Any:
        """Go on after a first attempt that failed, as botocore does: its hooks, its errors."""
        endpoint, events = self._client._endpoint, self._client.meta.events
        request = self._serialized(params, context)
        context["retries"] = {"attempt": 1, "invocation-id": number, "max": 1}
        attempts = 1
        while endpoint._needs_retry(attempts, self._model, request, answer, error):
            attempts += 1
            endpoint._update_retries_context(context, attempts, answer)
            prepared = endpoint.create_request(request, self._model)
            answer, error = endpoint._get_response(prepared, self._model, context)
        if error is not None:
            raise error
        received, parsed = answer
        if "ResponseMetadata" in parsed:
            parsed["ResponseMetadata"]["RetryAttempts"] = attempts - 1
        events.emit(
            f"after-call.{self._event}",
            http_response=received,
            parsed=parsed,
            model=self._model,
            context=context,
        )
        if received.status_code < 300:
            return parsed
        code = context.get("error_code_override") or parsed.get("Error", {}).get("Code")
        raise self._client.exceptions.from_code(code)(parsed, self._model.name)


_UNKNOWN: Any = object()
_NOWHERE: Final = ("?", "")


def _bytes_of(headers: Any) -> list[tuple[str, bytes]]:
    return [(n, v.encode() if isinstance(v, str) else v) for n, v in headers.items()]


def _as_text(value: Any) -> str:
    """Return bytes as JSON carries them."""
    if isinstance(value, bytes | bytearray):
        return b64encode(value).decode("ascii")
    raise TypeError(f"{type(value).__name__} cannot be sent")
