"""Nothing leaves a tenant's Region, and credentials are renewed without anybody noticing."""

import io
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse

from config.env import BadEnvironment, environment
from tenants import aws, vending
from tenants.aws import client, ops_client
from tenants.context import TenantContext, entered
from tenants.errors import OutsideRegion
from tenants.objects import bucket, object_get, object_put, objects_delete
from tenants.vending import Vending, Wanted
from tests.support.cast import ALICE, CHARLIE
from tests.support.clients import tenant_of
from tests.support.localaws import LocalAws
from tests.support.services import Worker, _local_aws, _started, stop, wait_for
from tests.support.waiting import eventually

pytestmark = pytest.mark.django_db
EU_MODEL = "arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-lite-v1:0"
HELLO: Any = [{"role": "user", "content": [{"text": "hello"}]}]
GUARD: Any = {"guardrailIdentifier": "abc", "guardrailVersion": "1"}


@pytest.fixture
def acme(db: None) -> TenantContext:
    return tenant_of(ALICE)


@pytest.fixture
def globex(db: None) -> TenantContext:
    return tenant_of(CHARLIE)


def talking(**changed: Any) -> Callable[[], Any]:
    asked = {"messages": HELLO, "guardrailConfig": GUARD, **changed}
    return lambda: client("bedrock-runtime").converse(**asked)


@pytest.mark.parametrize(
    "call",
    [
        talking(modelId=EU_MODEL),
        talking(modelId="eu.amazon.nova-lite-v1:0"),
        talking(modelId="global.anthropic.claude-sonnet-4-6"),
        talking(modelId="arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.x"),
        talking(
            modelId="us.amazon.nova-lite-v1:0",
            guardrailConfig={
                **GUARD,
                "guardrailIdentifier": "arn:aws:bedrock:eu-central-1:123456789012:guardrail/abc",
            },
        ),
        lambda: client("s3").get_object(Bucket=bucket("eu-central-1"), Key="x"),
        lambda: client("s3").copy_object(
            Bucket=bucket("us-east-1"),
            Key="x",
            CopySource={"Bucket": bucket("eu-central-1"), "Key": "x"},
        ),
        lambda: ops_client("bedrock", "eu-central-1").list_guardrails(),
        lambda: ops_client("bedrock", "us-east-1").create_model_invocation_job(
            jobName="leaves",
            roleArn="arn:aws:iam::123456789012:role/x",
            modelId="amazon.nova-lite-v1:0",
            inputDataConfig={"s3InputDataConfig": {"s3Uri": f"s3://{bucket('eu-central-1')}/x"}},
            outputDataConfig={"s3OutputDataConfig": {"s3Uri": f"s3://{bucket('us-east-1')}/x"}},
        ),
        lambda: client("bedrock-agent-runtime").retrieve(
            knowledgeBaseId="arn:aws:bedrock:eu-central-1:123456789012:knowledge-base/ABCDEFGHIJ",
            retrievalQuery={"text": "x"},
        ),
    ],
)
def test_a_call_that_would_leave_raises_before_it_is_sent(
    acme: TenantContext, localaws: LocalAws, call: Callable[[], Any]
) -> None:
    with entered(acme), pytest.raises(OutsideRegion) as caught:
        call()
    assert caught.value.code == "outside_region"
    assert localaws.requests() == []


def test_a_client_of_one_tenants_region_serves_no_tenant_of_another(
    acme: TenantContext, globex: TenantContext
) -> None:
    with entered(acme):
        kept = client("s3")
    with entered(globex), pytest.raises(OutsideRegion):
        kept.list_objects_v2(Bucket=bucket("us-east-1"), Prefix="x")


def test_a_bucket_that_says_it_lives_elsewhere_is_not_followed(
    globex: TenantContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At AWS's own addresses botocore signs for the Region that S3's answer names, and goes there.

    Nothing is sent: S3's answers come from botocore's own event.
    """
    sent: list[str] = []

    def answered(request: Any, **_: Any) -> AWSResponse:
        sent.append(request.url)
        here = {"x-amz-bucket-region": "us-east-1", "content-type": "application/xml"}
        raw = io.BytesIO(b"<Error><Code>PermanentRedirect</Code></Error>")
        raw.stream = lambda *_, **__: iter([raw.read()])  # type: ignore[attr-defined]
        return AWSResponse(request.url, 301, here, raw)

    def there(request: Any, **_: Any) -> AWSResponse:
        raw = io.BytesIO(b"")
        raw.stream = lambda *_, **__: iter([])  # type: ignore[attr-defined]
        return AWSResponse(request.url, 200, {"content-length": "0"}, raw)

    aws.vending.credentials(Wanted.for_tenant(globex))  # from local AWS, before its address goes
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    aws._build.cache_clear()
    try:
        with entered(globex):
            s3 = client("s3")
            s3.meta.events.register("before-send.s3", answered)
            with pytest.raises(OutsideRegion, match="signed for us-east-1"):
                s3.get_object(Bucket=bucket("eu-central-1"), Key="x")
            # It remembers what S3 said, and so is not used again.
            again = client("s3")
            again.meta.events.register("before-send.s3", there)
            kept = again.get_object(Bucket=bucket("eu-central-1"), Key="x")
            assert kept["ResponseMetadata"]["HTTPStatusCode"] == 200
    finally:
        aws._build.cache_clear()
    assert [url.split("/")[2] for url in sent] == ["s3.eu-central-1.amazonaws.com"]


def test_an_arn_in_somebodys_words_is_only_words(acme: TenantContext) -> None:
    from tenants.pinning import check_parameters

    with entered(acme):
        runtime = client("bedrock-runtime")
        model = runtime.meta.service_model.operation_model("Converse")
        asked: Any = {
            "modelId": "us.amazon.nova-lite-v1:0",
            "messages": [
                {"role": "user", "content": [{"text": EU_MODEL}]},
                {
                    "role": "assistant",
                    "content": [
                        {"toolUse": {"toolUseId": "t", "name": "n", "input": {"arn": EU_MODEL}}}
                    ],
                },
            ],
        }
        check_parameters(asked, model, {"client_region": "us-east-1"})


def test_each_region_has_an_address_of_its_own(
    acme: TenantContext,
    globex: TenantContext,
    worker: Worker,
    settings: Any,
    tmp_path: Path,
) -> None:
    """Two local AWS: what belongs to eu-central-1 goes to the other one, roles included."""
    from dataclasses import replace

    from config.stack.ports import free_port

    shutil.copytree(worker.options.var / "localaws", tmp_path / "localaws")
    options = replace(worker.options, var=tmp_path, localaws_port=free_port())
    (tmp_path / "log").mkdir()
    other = _started(_local_aws(options))
    try:
        wait_for(other)
        there = f"http://127.0.0.1:{options.localaws_port}"
        settings.AWS_ENDPOINTS = {"eu-central-1": {"*": there}}
        aws._build.cache_clear()
        aws.vending.forget()
        for tenant in (acme, globex):
            with entered(tenant):
                object_put("address", tenant.slug.encode(), content_type="text/plain")
                assert object_get("address") == tenant.slug.encode()
        held = {
            (url, tenant.slug): _holds(url, tenant)
            for url in (os.environ["AWS_ENDPOINT_URL"], there)
            for tenant in (acme, globex)
        }
        assert held == {
            (os.environ["AWS_ENDPOINT_URL"], "acme"): True,
            (os.environ["AWS_ENDPOINT_URL"], "globex"): False,
            (there, "acme"): False,
            (there, "globex"): True,
        }
    finally:
        settings.AWS_ENDPOINTS = {}
        aws._build.cache_clear()
        aws.vending.forget()
        stop(other)
    with entered(acme):
        objects_delete(["address"])


def _holds(url: str, tenant: TenantContext) -> bool:
    s3 = boto3.client("s3", region_name=tenant.region, endpoint_url=url)
    found = s3.list_objects_v2(Bucket=bucket(tenant.region), Prefix=f"tenants/{tenant.id}/address")
    return bool(found.get("Contents"))


@pytest.mark.parametrize(
    "value",
    ["{", "[]", '{"eu": {"s3": "https://x"}}', '{"eu-central-1": {"ec2": "https://x"}}',
     '{"eu-central-1": {"s3": "ftp://x"}}', '{"eu-central-1": "https://x"}'],
)  # fmt: skip
def test_a_bad_address_stops_the_start_with_the_variables_name(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINTS", value)
    with pytest.raises(BadEnvironment, match=r"^AWS_ENDPOINTS must be JSON"):
        environment.__wrapped__()


# Vending ------------------------------------------------------------------------------------


@pytest.fixture
def _afresh() -> Iterator[None]:
    aws.vending.forget()
    yield
    aws.vending.forget()


@pytest.mark.usefixtures("_afresh")
def test_expired_credentials_are_replaced_once_and_the_call_repeated(
    acme: TenantContext, localaws: LocalAws, worker: Worker
) -> None:
    """AWS refuses before any work: the second attempt is the first that could cost anything."""
    wanted = Wanted.for_tenant(acme)
    with entered(acme):
        object_put("expiring", b"x", content_type="text/plain")
        old, before = aws.vending.credentials(wanted), aws.vending.refused
        localaws.expire(old.access_key)
        assert object_get("expiring") == b"x"
        assert aws.vending.refused == before + 1
        assert aws.vending.credentials(wanted) is not old
        objects_delete(["expiring"])
        assert aws.vending.refused == before + 1


def test_credentials_are_refreshed_behind_the_callers_back(
    acme: TenantContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow STS delays nobody while the old session lives; one thread asks for the new one."""
    answered, asked = threading.Event(), []

    def assume(wanted: Wanted) -> Any:
        asked.append(wanted)
        if len(asked) > 1:
            answered.wait(60)
        number = str(len(asked))
        return {"Credentials": {"AccessKeyId": number, "SecretAccessKey": "s", "SessionToken": "t"}}

    monkeypatch.setattr(vending, "REFRESH_BEFORE", vending.SESSION_SECONDS + 1)
    vended, wanted = Vending(assume), Wanted.for_tenant(acme)
    assert vended.credentials(wanted).access_key == "1"
    begun = time.monotonic()
    for _ in range(50):
        assert vended.credentials(wanted).access_key == "1"
    assert time.monotonic() - begun < 30  # none waits for the answer
    eventually(lambda: len(asked) == 2)
    answered.set()
    eventually(lambda: vended._vended[wanted].credentials.access_key == "2")


def test_a_warm_call_pays_next_to_nothing_for_its_credentials(acme: TenantContext) -> None:
    """The local AWS needs up to 3 ms for the shortest call beside it."""
    taken = []
    with entered(acme):
        client("s3").list_objects_v2(Bucket=bucket(acme.region), Prefix=f"tenants/{acme.id}/x")
        for _ in range(500):
            begun = time.perf_counter()
            aws._sign("tenant", acme.region, {})
            taken.append(time.perf_counter() - begun)
    assert sorted(taken)[250] < 0.000_1


def test_another_plan_posture_or_region_is_another_session(acme: TenantContext) -> None:
    from dataclasses import replace

    changed = [{"plan": "trial"}, {"posture": "regulated"}, {"region": "us-west-2"}]
    sessions = {Wanted.for_tenant(replace(acme, **each)) for each in ({}, *changed)}
    assert len(sessions) == 4
