"""What is sent to AWS without botocore's steps is what botocore sends; so is what comes back."""

import json
import re
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.handlers
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bedrock import gateway
from localaws.eventstream import event, exception
from tenants import aws
from tenants.awsway import OPERATIONS
from tenants.context import SYSTEM, entered
from tests.bedrock.asking import question
from tests.support.cast import ALICE
from tests.support.clients import tenant_of
from tests.support.localaws import LocalAws
from tests.tenants.awsservice import (
    CUT,
    NEW,
    OLD,
    RESET,
    SILENT,
    Service,
    answer,
    client_of,
    refusal,
    stream,
)

ARN = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc123def456"
STAMP = {"tenant": "t" * 36, "request_id": "r" * 36, "feature": "search", "attempt": "1"}
GUARDED: Any = {"guardrailIdentifier": "g1", "guardrailVersion": "2", "trace": "enabled"}
MESSAGES: Any = [
    {"role": "user", "content": [
        {"text": "Grüße \u2028 🏔 \"quoted\" </b>"},
        {"image": {"format": "png", "source": {"bytes": bytes(range(256))}}},
        {"guardContent": {"text": {"text": "x", "qualifiers": ["query"]}}},
        {"cachePoint": {"type": "default", "ttl": "5m"}},
    ]},
    {"role": "assistant", "content": [
        {"toolUse": {"toolUseId": "t", "name": "n", "input": {"a": [1, 2.5, None, True, "ü"]}}},
    ]},
    {"role": "user", "content": [
        {"toolResult": {"toolUseId": "t", "content": [{"json": {"k": 1}}], "status": "success"}},
    ]},
]  # fmt: skip
TALK: Any = {
    "modelId": ARN,
    "messages": MESSAGES,
    "inferenceConfig": {"maxTokens": 500, "temperature": 0.2, "stopSequences": ["END"]},
    "guardrailConfig": GUARDED,
    "requestMetadata": STAMP,
    "system": [{"text": "Be brief."}],
    "toolConfig": {"tools": (
        {"toolSpec": {"name": "n", "inputSchema": {"json": {"type": "object"}}}},
    )},
    "serviceTier": {"type": "flex"},
    "performanceConfig": {"latency": "optimized"},
    "outputConfig": {"effort": "low"},
    "additionalModelRequestFields": {"top_k": 5},
}  # fmt: skip
EMBED: Any = {
    "modelId": ARN,
    "body": json.dumps({"inputText": "words " * 9, "dimensions": 256}),
    "contentType": "application/json",
    "accept": "application/json",
    "requestMetadata": json.dumps(STAMP),
}
CHECK: Any = {
    "guardrailIdentifier": "g1",
    "guardrailVersion": "2",
    "source": "OUTPUT",
    "outputScope": "FULL",
    "content": [{"text": {"text": "fünf", "qualifiers": ["guard_content"]}}],
}
SENT: Any = [
    ("InvokeModel", EMBED),
    ("InvokeModel", {**EMBED, "modelId": "amazon.titan-embed-text-v2:0", "body": b"{}"}),
    ("InvokeModel", {**EMBED, "requestMetadata": '{"a":  "two  spaces"}', "trace": "ENABLED"}),
    ("Converse", TALK),
    ("Converse", {"modelId": "eu.amazon.nova-lite-v1:0", "messages": [], "system": None}),
    ("ConverseStream", {**TALK, "guardrailConfig": {**GUARDED, "streamProcessingMode": "sync"}}),
    ("ApplyGuardrail", CHECK),
]


TOKEN = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}})
GOOD = {
    "InvokeModel": answer(200, b'{"embedding": [0.1]}', "X-Amzn-Bedrock-Input-Token-Count: 3"),
    "Converse": answer(200, json.dumps({
        "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
        "stopReason": "end_turn", "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
        "metrics": {"latencyMs": 5}, "trace": {"guardrail": {"inputAssessment": {}}}, "new": 1,
    }).encode()),
    "ConverseStream": stream(event("messageStart", {"role": "assistant"}), TOKEN),
    "ApplyGuardrail": answer(200, b'{"action": "NONE", "outputs": [], "assessments": []}'),
}  # fmt: skip


@pytest.fixture(autouse=True)
def as_in_the_product(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave out moto's hook, which a test of the local AWS brings into every session made after."""
    usual = [
        each
        for each in botocore.handlers.BUILTIN_HANDLERS
        if not type(each[1]).__module__.startswith("moto")
    ]
    monkeypatch.setattr(botocore.handlers, "BUILTIN_HANDLERS", usual)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    kept = (aws._session, aws._build)
    for each in kept:
        each.cache_clear()
    yield
    for each in kept:
        each.cache_clear()


@pytest.fixture
def service() -> Iterator[Service]:
    served = Service()
    yield served
    served.close()


def plainly(made: Any, operation: str, params: Any) -> Any:
    """Call botocore's own method."""
    return getattr(type(made), OPERATIONS[operation])(made, **params)


def shortly(made: Any, operation: str, params: Any) -> Any:
    called = getattr(made, OPERATIONS[operation])
    found = called(**params)
    assert None not in called.__self__._kinds.values()
    return found


def told(answered: Any) -> Any:
    """Return all of an answer, with what is to be read of it."""
    for name, value in answered.items():
        if name in ("body", "stream"):
            with closing(value):
                read = value.read() if name == "body" else list(value)
            answered = {**answered, name: read}
    return answered


def masked(request: bytes) -> bytes:
    for pattern in (
        rb"(X-Amz-Date: )\d{8}T\d{6}Z",
        rb"(Credential=\w+/)\d+",
        rb"(Signature=)\w{64}",
        rb"(amz-sdk-invocation-id: )[0-9a-f-]{36}",
    ):
        request, found = re.subn(pattern, rb"\1?", request)
        assert found == 1, pattern
    return request


def check_signature(request: bytes, url: str, credentials: Credentials) -> None:
    """Sign what was received as botocore does, at the time that it names."""
    head, body = request.split(b"\r\n\r\n", 1)
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    given = headers.pop("Authorization")
    signed = given.split("SignedHeaders=")[1].split(",")[0].split(";")
    again = AWSRequest("POST", url + first.split()[1], {
        name: value for name, value in headers.items() if name.lower() in signed
    }, data=body)  # fmt: skip
    again.context["timestamp"] = headers["X-Amz-Date"]
    auth = SigV4Auth(credentials.get_frozen_credentials(), "bedrock", "eu-central-1")
    string = auth.string_to_sign(again, auth.canonical_request(again))
    assert given.endswith(f"Signature={auth.signature(string, again)}")


@pytest.mark.parametrize(("operation", "params"), SENT, ids=range(len(SENT)))
def test_a_request_and_its_answer_are_botocores_to_the_letter(
    service: Service, operation: str, params: Any
) -> None:
    made = client_of(service)
    service.answers += [GOOD[operation]] * 4
    before = dict(params)
    expected = told(plainly(made, operation, params))
    for _ in range(3):  # the first is botocore's preparation, over the connection that it left
        assert told(shortly(made, operation, params)) == expected
    assert params == before
    (_, first), *others = service.received
    assert {masked(each) for _, each in others} == {masked(first)}
    assert {number for number, _ in others} == {1}, "one connection for all"
    assert len({re.search(rb"invocation-id: (\S+)", each)[1] for _, each in service.received}) == 4  # type: ignore[index]
    for _, each in service.received:
        check_signature(each, service.url, OLD)


def test_a_parameter_that_is_none_is_another_kind_than_one_that_is_given(service: Service) -> None:
    made = client_of(service)
    service.answers += [GOOD["InvokeModel"]] * 4
    for trace in (None, "ENABLED"):
        for way in (shortly, plainly):
            told(way(made, "InvokeModel", {**EMBED, "trace": trace}))
        (_, mine), (_, botocores) = service.received[-2:]
        assert masked(mine) == masked(botocores)
        assert (b"X-Amzn-Bedrock-Trace: ENABLED" in mine) is (trace is not None)


def test_each_call_carries_its_own_words_and_its_own_length(service: Service) -> None:
    made = client_of(service)
    service.answers += [GOOD["InvokeModel"]] * 6
    for words in ("a", "ä" * 40_000, "b"):
        params = {**EMBED, "body": json.dumps({"inputText": words}), "requestMetadata": words[0]}
        params["requestMetadata"] = json.dumps({"of": words[:5]})
        shortly(made, "InvokeModel", params)["body"].read()
        plainly(made, "InvokeModel", params)["body"].read()
        (_, mine), (_, botocores) = service.received[-2:]
        assert masked(mine) == masked(botocores)
        check_signature(mine, service.url, OLD)


FAILING: Any = [
    refusal(400, "ValidationException"),
    refusal(403, "AccessDeniedException"),
    refusal(424, "ModelErrorException", originalStatusCode=500, resourceName="x"),
    refusal(429, "ThrottlingException"),
    refusal(500, "InternalServerException"),
    refusal(503, "ServiceUnavailableException"),
    refusal(418, "InventedSince"),
    answer(502, b"<html>Bad gateway</html>"),
    answer(200, b"{no json"),
    CUT,
    CUT + b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{}",
    CUT + b"HTTP/1.1 200 O",
    CUT + b"no http at all\r\n\r\n",
    RESET,
    SILENT,
    stream(TOKEN, exception("throttlingException", {"message": "slow down"})),
    stream(TOKEN, exception("modelStreamErrorException", {"message": "x", "originalMessage": "y"})),
    CUT + stream(TOKEN, whole=False),
    stream(TOKEN[:20]),
]


def failed(call: Callable[[], Any]) -> tuple[Any, ...]:
    """Return what an error says of itself, or the whole answer where there is none."""
    try:
        found = told(call())
    except Exception as error:
        causes: list[Any] = []
        each: Any = error
        while inner := (each.__cause__ or getattr(each, "kwargs", {}).get("error")):
            causes.append(type(inner))
            each = inner
        about = re.sub(r"0x\w+|port=\d+|:\d{4,5}", "", str(error))
        return type(error), about, getattr(error, "response", None), causes
    return ("answered", found)


@pytest.mark.parametrize("operation", ["InvokeModel", "ConverseStream"])
@pytest.mark.parametrize("said", FAILING, ids=range(len(FAILING)))
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "new"])
def test_a_failure_is_botocores_and_the_next_call_goes_well(
    service: Service, operation: str, said: bytes, kept: bool
) -> None:
    params = dict(SENT)[operation]
    outcomes = []
    patience = 1 if said == SILENT else 30
    for way in (plainly, shortly):
        made = client_of(service, patience=patience)
        if kept or way is shortly:  # a kind is known, and there is a connection or none
            service.answers.append(GOOD[operation])
            told(way(made, operation, params))
        if not kept:
            made._endpoint.http_session.close()
        service.answers.append(said)
        before = len(service.received)
        outcomes.append(failed(lambda way=way, made=made: way(made, operation, params)))  # type: ignore[misc]
        assert len(service.received) == before + 1, "one attempt, which is metered"
        service.answers.append(GOOD[operation])
        assert told(way(made, operation, params))
    assert outcomes[0] == outcomes[1]


def test_a_connection_that_is_refused_says_so_as_botocore_does() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    made, judged = client_of(None, nobody), []
    made.meta.events.register(
        "needs-retry", lambda caught_exception, **_: judged.append(type(caught_exception))
    )
    plain = failed(lambda: plainly(made, "InvokeModel", EMBED))
    assert plain[0].__name__ == "EndpointConnectionError"
    for _ in range(2):
        assert failed(lambda: made.invoke_model(**EMBED)) == plain
    assert judged == [plain[0]] * 3, "where it may be sent again, botocore would"
    assert None not in made.invoke_model.__self__._kinds.values()


def test_expired_credentials_are_replaced_and_the_attempt_repeated_once(service: Service) -> None:
    sent = []
    for way in (plainly, shortly):
        made = client_of(service)
        service.answers += [GOOD["InvokeModel"], refusal(403, "ExpiredToken"), GOOD["InvokeModel"]]
        told(way(made, "InvokeModel", EMBED))
        outcome = told(way(made, "InvokeModel", EMBED))
        assert outcome["ResponseMetadata"]["RetryAttempts"] == 1
        (_, first), (_, second) = service.received[-2:]
        check_signature(first, service.url, OLD)
        check_signature(second, service.url, NEW)
        assert b"attempt=2; max=1" in second
        numbers = {re.search(rb"invocation-id: (\S+)", each)[1] for each in (first, second)}  # type: ignore[index]
        assert len(numbers) == 1
        sent.append((outcome, masked(first), re.sub(rb"ttl=\w+", b"", masked(second))))
    assert sent[0] == sent[1]
    service.answers += [refusal(403, "ExpiredToken")] * 2
    with pytest.raises(made.exceptions.ClientError, match="ExpiredToken"):
        shortly(made, "InvokeModel", EMBED)


@pytest.mark.parametrize("name", ["before-send", "before-call", "request-created", "after-call"])
def test_where_anything_else_listens_botocore_sends(service: Service, name: str) -> None:
    made = client_of(service)
    heard = []
    made.meta.events.register(f"{name}.bedrock-runtime", lambda **_: heard.append(name))
    service.answers += [GOOD["InvokeModel"]] * 2
    for _ in range(2):
        told(made.invoke_model(**EMBED))
    assert len(heard) >= 2
    assert list(made.invoke_model.__self__._kinds.values()) == [None]


def test_a_header_that_would_break_out_of_its_line_is_refused(service: Service) -> None:
    made = client_of(service)
    service.answers.append(GOOD["InvokeModel"])
    told(shortly(made, "InvokeModel", EMBED))
    evil = {**EMBED, "requestMetadata": "x\r\nX-Amzn-Bedrock-Trace: ENABLED"}
    outcomes = [failed(lambda way=way: way(made, "InvokeModel", evil))  # type: ignore[misc]
                for way in (plainly, shortly)]  # fmt: skip
    assert outcomes[0] == outcomes[1]
    assert len(service.received) == 1


def test_aws_own_address_is_called_in_the_same_words() -> None:
    """Nothing is sent: the request is compared as it is about to go."""
    about: list[Any] = []

    class Stopped(Exception):
        pass

    def send(request: Any) -> Any:
        about.append(request)
        raise Stopped

    made = client_of(None)
    made._endpoint.http_session.send = send
    for way in (plainly, shortly, shortly):
        with pytest.raises(Stopped):
            way(made, "Converse", TALK)
    assert urlsplit(about[0].url).netloc == "bedrock-runtime.eu-central-1.amazonaws.com"
    shown = [
        (each.method, each.url, each.body, each.stream_output,
         [(name, value.encode() if isinstance(value, str) else value)
          for name, value in each.headers.items() if name not in
          ("X-Amz-Date", "Authorization", "amz-sdk-invocation-id")])
        for each in about
    ]  # fmt: skip
    assert shown[0] == shown[1] == shown[2]


@pytest.mark.django_db
def test_the_products_own_calls_go_this_way(localaws: LocalAws) -> None:
    tenant = tenant_of(ALICE)
    texts: Any = {"actor": SYSTEM, "feature": "ask", "request_id": uuid.uuid4()}
    with entered(tenant):
        assert gateway.embed(["words"], purpose="query", **texts)
        assert gateway.converse(question()).text
        assert list(gateway.converse_stream(question()))
        gateway.apply_guardrail(["words"], source="INPUT", **texts)
        used = {
            name: list(getattr(made, method).__self__._kinds.values())
            for name, method, made in (
                ("InvokeModel", "invoke_model", aws.client("bedrock-runtime")),
                ("Converse", "converse", aws.client("bedrock-runtime")),
                ("ConverseStream", "converse_stream", aws.streaming_client(aws.USUAL_SILENCE)),
                ("ApplyGuardrail", "apply_guardrail", aws.checking_client()),
            )
        }
    assert used.keys() == OPERATIONS.keys()
    assert all(kinds and None not in kinds for kinds in used.values()), used
