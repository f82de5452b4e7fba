"""Whatever is sent, an answer in AWS's words: never a 500, never silence."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import NOVA, Server, user

CONVERSE = f"/model/{NOVA}/converse"
SCOPE = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/{}/aws4_request, Signature=0"


def send(
    server: Server, method: str, path: str, body: bytes = b"", service: str = "bedrock", **more: str
) -> tuple[int, str, dict[str, Any]]:
    """(status, error code, body) of one raw request."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    headers = {"Authorization": SCOPE.format(service), "Content-Type": "application/json", **more}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    assert answer.headers["x-amzn-requestid"]
    document = json.loads(said) if said.startswith(b"{") else {}
    return answer.status, answer.headers.get("x-amzn-errortype", ""), document


GOOD = {"messages": [user("hello")]}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "SerializationException"),
        (b'{"messages": "\xff"}', 400, "SerializationException"),
        (b"[]", 400, "SerializationException"),
        (b'{"messages": NaN}', 400, "SerializationException"),
        (b"[" * 100_000, 400, "SerializationException"),
        (b'{"messages": [{"role": "user", "content": [{"text": "\\ud800"}]}]}', 400,
         "SerializationException"),
        (b'{"additionalModelRequestFields": ' + b'{"a":' * 300 + b"1" + b"}" * 301, 400,
         "SerializationException"),
        (b'{"messages": "text"}', 400, "SerializationException"),
        (b'{"messages": [{"role": "robot", "content": [{"text": "x"}]}]}', 400,
         "ValidationException"),
        (b'{"messages": [{"role": "user", "content": [{"sound": 1}]}]}', 400,
         "ValidationException"),
        (json.dumps({**GOOD, "inferenceConfig": {"temperature": 1.5}}).encode(), 400,
         "ValidationException"),
        (b" " * 25_000_001, 413, "RequestEntityTooLargeException"),
    ],
    ids=range(12),
)  # fmt: skip
def test_a_malformed_body_is_refused_by_name(server, body, status, code):
    told = send(server, "POST", CONVERSE, body)
    assert told[:2] == (status, code)
    assert told[2]["message"]


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/model", "UnknownOperationException"),
        ("DELETE", CONVERSE, "UnknownOperationException"),
        ("POST", "/model/no.such/converse", "ValidationException"),
        ("GET", "/guardrails/nosuchguardrail", "ResourceNotFoundException"),
        ("GET", "/guardrails/nosuchguardrail?guardrailVersion=x", "ValidationException"),
        ("GET", "/inference-profiles/none", "ResourceNotFoundException"),
        ("GET", "/inference-profiles?maxResults=many", "ValidationException"),
    ],
)
def test_what_does_not_exist_is_refused_by_name(server, method, path, code):
    body = json.dumps(GOOD).encode() if method == "POST" else b""
    assert send(server, method, path, body)[1] == code


@pytest.mark.parametrize(
    ("signature", "code"),
    [
        ("AWS4-HMAC-SHA256 nonsense", "IncompleteSignatureException"),
        (SCOPE.format("bedrock").replace("us-east-1", "../../x"), "IncompleteSignatureException"),
        ("\xff\xfe", "IncompleteSignatureException"),
        ("", "MissingAuthenticationTokenException"),
    ],
)
def test_a_signature_that_names_no_scope_is_refused(server, signature, code):
    body = json.dumps(GOOD).encode()
    assert send(server, "POST", CONVERSE, body, Authorization=signature)[:2] == (403, code)


def test_an_id_may_be_sent_as_it_is_or_percent_encoded_as_one_segment(server):
    arn = f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}"
    encoded = arn.replace(":", "%3A").replace("/", "%2F")
    raw = arn.replace("/", "%2F")
    for name in (NOVA, NOVA.replace(":", "%3A"), encoded, raw):
        told = send(server, "POST", f"/model/{name}/converse", json.dumps(GOOD).encode())
        assert told[0] == 200, told


def test_json_services_refuse_in_their_own_protocol(server):
    target = "AWSInsightsIndexService.{}"
    for name, body, code in (
        ("NoSuchThing", b"{}", "UnknownOperationException"),
        ("GetCostAndUsage", b"{", "SerializationException"),
        ("GetCostAndUsage", b"{}", "ValidationException"),
    ):
        more = {"X-Amz-Target": target.format(name)}
        status, _, said = send(server, "POST", "/", body, service="ce", **more)
        assert (status, said["__type"]) == (400, code)


def test_half_a_request_holds_nothing_up(server):
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port)) as half:
        half.sendall(
            f"POST {CONVERSE} HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{{".encode()
        )
        assert send(server, "POST", CONVERSE, json.dumps(GOOD).encode())[0] == 200


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = (
    "messages system inferenceConfig toolConfig guardrailConfig outputConfig requestMetadata "
    "inputText queries sources name tags input content"
).split()
MEMBERS = st.dictionaries(st.sampled_from(NAMES), JUNK)
PATHS = [
    ("POST", CONVERSE),
    ("POST", f"/model/{NOVA}/converse-stream"),
    ("POST", f"/model/{NOVA}/count-tokens"),
    ("POST", "/model/amazon.titan-embed-text-v2%3A0/invoke"),
    ("POST", "/guardrails"),
    ("POST", "/rerank"),
    ("POST", "/knowledgebases/ABCDEFGHIJ/retrieve"),
    ("PUT", "/knowledgebases/"),
    ("POST", "/inference-profiles"),
    ("POST", "/model-invocation-job"),
    ("POST", "/guardrail/abc/version/1/apply"),
]


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.sampled_from(PATHS), body=MEMBERS.map(json.dumps).map(str.encode) | st.binary())
def test_junk_is_never_answered_with_a_500(server, place, body):
    assert send(server, *place, body)[0] < 500
