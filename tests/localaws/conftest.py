"""A local AWS of its own for these tests: the real process, its own state, a free port."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.validate import ParamValidator

from .guards import MESSAGES

ROOT = Path(__file__).resolve().parents[2]
NOVA = "amazon.nova-lite-v1:0"


class Server:
    """One running `python -m localaws`."""

    def __init__(self, state: Path, **env: str) -> None:
        self.state = state
        self._clients: list[Any] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "localaws", "--port", "0", "--state", str(state)],
            cwd=ROOT,
            env={**os.environ, "LOCALAWS_TOKEN_DELAY_MS": "0", "LOCALAWS_CHECK": "1", **env},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        ready = self.process.stdout.readline()
        assert "ready at" in ready, ready
        self.url = ready.rsplit(" ", 1)[1].strip()

    def client(self, service: str, region: str = "us-east-1", **kwargs: Any) -> Any:
        """A boto3 client whose every answer is held against botocore's service model."""
        settings = {"aws_access_key_id": "local", "aws_secret_access_key": "local", **kwargs}
        client = boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            **settings,
        )
        if service.startswith("bedrock"):
            client.meta.events.register("after-call", _conforms)
        self._clients.append(client)
        return client

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request to `/_localaws/`."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)  # noqa: S310 - our own loopback
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own loopback
            return json.load(answer)

    def post(self, path: str, body: Any) -> Any:
        """One POST to `/_localaws/<path>`."""
        return self.call("POST", f"/_localaws/{path}", body)

    def script(self, *scripts: dict[str, Any]) -> None:
        """Queue scripted answers."""
        self.call("POST", "/_localaws/script", list(scripts))

    def requests(self) -> list[dict[str, Any]]:
        """The Bedrock calls served."""
        return self.call("GET", "/_localaws/requests")["requests"]

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        for client in self._clients:
            client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=60)
        finally:
            self.process.kill()
            self.process.stdout.close()


def _unmodelled(shape: Any, value: Any, path: str) -> list[str]:
    """Members of a JSON answer that the service model does not know."""
    if shape.type_name == "structure" and isinstance(value, dict):
        if shape.is_document_type:
            return []
        names = {m.serialization.get("name", n): m for n, m in shape.members.items()}
        odd = [f"{path}.{key}" for key in value if key not in names]
        for key in value.keys() & names.keys():
            odd += _unmodelled(names[key], value[key], f"{path}.{key}")
        return odd
    if shape.type_name == "list":
        return [
            o for i, v in enumerate(value) for o in _unmodelled(shape.member, v, f"{path}[{i}]")
        ]
    if shape.type_name == "map":
        return [o for k, v in value.items() for o in _unmodelled(shape.value, v, f"{path}.{k}")]
    return []


def _conforms(http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
    assert http_response.headers["x-amzn-requestid"]
    if http_response.status_code >= 300:
        assert http_response.headers["x-amzn-errortype"]
        assert parsed["Error"]["Message"]
        return
    assert http_response.status_code == model.http.get("responseCode", 200)
    shape = model.output_shape
    if shape is None or model.has_event_stream_output or model.has_streaming_output:
        return
    assert _unmodelled(shape, json.loads(http_response.text), model.name) == []
    answer = {key: value for key, value in parsed.items() if key != "ResponseMetadata"}
    report = ParamValidator().validate(answer, shape)
    assert not report.has_errors(), report.generate_report()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("localaws"))
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _clean_scripts(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "server" in request.fixturenames:
        request.getfixturevalue("server").call("POST", "/_localaws/reset")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start further servers, on the same state each time."""
    running: list[Server] = []

    def begin(**env: str) -> Server:
        running.append(Server(tmp_path / "state", **env))
        return running[-1]

    yield begin
    for one in running:
        one.stop()


@pytest.fixture(scope="session")
def runtime(server: Server) -> Any:
    return server.client("bedrock-runtime")


@pytest.fixture(scope="session")
def bedrock(server: Server) -> Any:
    return server.client("bedrock")


@pytest.fixture(scope="session")
def s3(server: Server) -> Any:
    return server.client("s3")


def user(*texts: str) -> dict[str, Any]:
    """A user message of text blocks."""
    return {"role": "user", "content": [{"text": text} for text in texts]}


def said(answer: dict[str, Any]) -> str:
    """The text of a Converse answer."""
    return "".join(block.get("text", "") for block in answer["output"]["message"]["content"])


ANYTHING = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
ACCOUNT = [
    {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    }
]


def document(statements: list[dict[str, Any]]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def role(
    server: Server,
    name: str,
    statements: list[dict[str, Any]],
    trust: list[dict[str, Any]] | None = None,
    **more: Any,
) -> str:
    """Make a role, or give it other policies; returns its ARN."""
    iam = server.client("iam")
    trusted = document(trust or ACCOUNT)
    try:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusted, **more)
    except iam.exceptions.EntityAlreadyExistsException:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=trusted)
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=document(statements))
    return f"arn:aws:iam::123456789012:role/{name}"


def assumed(server: Server, **kwargs: Any) -> dict[str, str]:
    """The access keys of a session of a role that may do anything, as client arguments."""
    role(server, "tenant", ANYTHING)
    return session(server, **kwargs)


def session(server: Server, **kwargs: Any) -> dict[str, str]:
    """The access keys of a role session, as client arguments."""
    asked = {
        "RoleArn": "arn:aws:iam::123456789012:role/tenant",
        "RoleSessionName": "tenant-acme",
        "Tags": [{"Key": "TenantId", "Value": "acme"}, {"Key": "Tier", "Value": "basic"}],
        **kwargs,
    }
    credentials = server.client("sts").assume_role(**asked)["Credentials"]
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }


@pytest.fixture
def guardrail(bedrock: Any) -> Iterator[Callable[..., dict[str, str]]]:
    """Make guardrails, and delete them after the test."""
    made: list[str] = []

    def make(**policies: Any) -> dict[str, str]:
        created = bedrock.create_guardrail(name=f"g{len(made)}", **MESSAGES, **policies)
        made.append(created["guardrailId"])
        return {
            "guardrailIdentifier": created["guardrailId"],
            "guardrailVersion": "DRAFT",
            "trace": "enabled",
        }

    yield make
    for identifier in made:
        bedrock.delete_guardrail(guardrailIdentifier=identifier)
