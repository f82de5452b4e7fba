"""The log is read once, whatever comes of its files, and the ledger follows it where it guessed."""

import gzip
import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from bedrock import gateway
from bedrock.conversing import text_call_open
from bedrock.errors import ModelStreamInterrupted, ModelThrottled
from bedrock.models import InferenceProfile
from bedrock.policy import Policy, policy_of
from billing.models import Reservation
from billing.selectors import request_cost
from billing.units import Unit
from tenants.aws import client, ops_client
from tenants.context import SYSTEM, TenantContext, entered, public_scope
from tenants.deployment_objects import deployment_objects, deployment_objects_delete
from tenants.objects import bucket, object_get, objects_delete, objects_list
from tests.bedrock.asking import ledger, question, states
from tests.bedrock.logreader import killed, reading
from tests.support.localaws import LocalAws
from tests.support.services import Worker

pytestmark = pytest.mark.django_db(transaction=True)
Manage = Callable[..., str]
LOGS = "invocation-logs/"
AT_ONCE = -2.0  # seconds: records tell their time in whole ones


def guarded(policy: Policy) -> Any:
    """The guardrail that the tenants' role demands of every text call."""
    guard = policy.guardrail
    return {"guardrailIdentifier": guard.id, "guardrailVersion": guard.version}


@pytest.fixture(autouse=True)
def _empty_log(acme: TenantContext, globex: TenantContext, localaws: LocalAws) -> None:
    """AWS does not roll back what another test has done."""
    localaws.logs()
    for tenant in (acme, globex):
        with entered(tenant):
            objects_delete(list(objects_list("invocations")))
    for region in ("us-east-1", "eu-central-1"):
        keys = [found.key for found in deployment_objects(region, LOGS)]
        deployment_objects_delete(region, keys)


def raw(region: str = "us-east-1") -> list[str]:
    """The files that lie in a Region's log."""
    return [f.key for f in deployment_objects(region, LOGS) if f.key.endswith(".json.gz")]


def copies(tenant: TenantContext) -> list[dict[str, Any]]:
    """The records that a tenant keeps."""
    with entered(tenant):
        keys = [key for key in objects_list("invocations") if key.endswith(".jsonl.gz")]
        whole = b"".join(gzip.decompress(object_get(key) or b"") for key in keys)
    return [json.loads(line) for line in whole.splitlines()]


def ask(tenant: TenantContext, **members: Any) -> uuid.UUID:
    asked = question(**members)
    with entered(tenant):
        gateway.converse(asked)
    return asked.request_id


def test_estimates_become_what_was_logged_and_what_was_never_sent_costs_nothing(
    acme: TenantContext, localaws: LocalAws, manage: Manage
) -> None:
    plain = ask(acme)
    localaws.script(
        match={"operation": "ConverseStream"}, chunks=["a ", "b "] * 9, truncate_after=3
    )
    cut, quiet, orphan = question(), question(), question()
    with entered(acme):
        with pytest.raises(ModelStreamInterrupted):
            list(gateway.converse_stream(cut))
        localaws.script(match={"operation": "ConverseStream"}, text="Quiet.", no_usage=True)
        list(gateway.converse_stream(quiet))
        localaws.script(error={"code": "ThrottlingException"})
        with suppress(ModelThrottled):  # whether it is repeated is the share's affair
            gateway.converse(question())
        gateway.embed(
            ["one", "two words", "three of them"],
            actor=SYSTEM,
            feature="ingest",
            request_id=uuid.uuid4(),
            purpose="document",
        )
        # As if the process had died between reserving and sending.
        text_call_open(orphan, policy_of(acme, "small"), operation="Converse", stream=False)
    ask(acme)
    sent = {call["requestMetadata"]["request_id"]: call for call in localaws.requests()}
    estimate = ledger(acme, cut.request_id)[1, "input_tokens"]
    localaws.logs()
    told = reading(manage, grace=AT_ONCE, check=True, sweep=True)
    assert told["us-east-1"]["records"] == len(told["calls"]) == len(localaws.requests())
    assert told["us-east-1"]["trued"] == 2
    for request_id in (plain, cut.request_id, quiet.request_id):
        usage = sent[str(request_id)]["usage"]
        with entered(acme):
            found = request_cost(request_id)
        assert found.units["input_tokens"] == usage["inputTokens"]
        assert found.units["output_tokens"] == usage["outputTokens"]
        assert found.usd == sum(row["usd"] for row in found.rows)
    assert estimate > sent[str(cut.request_id)]["usage"]["inputTokens"]
    assert states(acme, cut.request_id) == ["trued"]
    assert sent[str(cut.request_id)]["usage"]["outputTokens"] >= 18
    # The newest logged call is younger than the orphan, so that the log surely had it by now.
    assert told["findings"] == [["never_sent", True]]
    with entered(acme):
        assert set(request_cost(orphan.request_id).units.values()) == {0}
        counters = Reservation.objects.exclude(state__in=["settled", "trued", "released"])
        assert not counters.exists()
    again = reading(manage, grace=AT_ONCE, check=True)
    assert again["us-east-1"]["records"] == 0
    assert again["findings"] == told["findings"]
    assert raw() == []


def test_a_settlement_that_comes_after_the_log_counts_nothing_twice(
    acme: TenantContext, localaws: LocalAws, manage: Manage
) -> None:
    asked = question()
    with entered(acme):
        policy = policy_of(acme, "small")
        call = text_call_open(asked, policy, operation="Converse", stream=False)
        stamp = {"tenant": str(acme.id), "request_id": str(asked.request_id), **call.stamp}
        answer = client("bedrock-runtime").converse(
            modelId=policy.profile_arn,
            messages=list(asked.messages),
            guardrailConfig=guarded(policy),
            requestMetadata=stamp,
        )
    localaws.logs()
    waiting = reading(manage)
    assert (waiting["us-east-1"]["waiting"], waiting["us-east-1"]["trued"]) == (1, 0)
    assert reading(manage, sweep=True)["us-east-1"]["trued"] == 1
    with entered(acme):
        call.finish({Unit.INPUT: answer["usage"]["inputTokens"], Unit.OUTPUT: 5})
        found = request_cost(asked.request_id).units
    assert found["input_tokens"] == answer["usage"]["inputTokens"]
    assert found["output_tokens"] == answer["usage"]["outputTokens"]


def test_files_that_come_twice_cut_short_out_of_order_or_late_change_nothing(
    acme: TenantContext, globex: TenantContext, localaws: LocalAws, manage: Manage
) -> None:
    localaws.logs(hold=True)
    asked = [ask(tenant) for tenant in (acme, globex) for _ in range(6)]
    localaws.logs(hold=False, duplicate=4, shuffle=True, truncate=1)
    told = reading(manage)
    assert [kind for kind, _ in told["findings"]] == ["broken_file"]
    some = len(told["calls"])
    assert some < 12
    assert len(raw("us-east-1") + raw("eu-central-1")) == 1
    assert localaws.logs(repair=True)["repaired"] == 1
    told = reading(manage)
    assert told["findings"] == [["broken_file", True]]
    assert len({name for name, *_ in told["calls"]}) == len(told["calls"]) == 12
    assert {state for _, state, *_ in told["calls"]} == {"matched"}
    assert raw("us-east-1") + raw("eu-central-1") == []
    for tenant in (acme, globex):
        kept = copies(tenant)
        assert {record["requestMetadata"]["tenant"] for record in kept} == {str(tenant.id)}
        named = {record["requestMetadata"]["request_id"] for record in kept}
        assert named == {str(r) for r in asked} & named
        assert len(kept) >= len(named) == 6
    localaws.logs(hold=True, drop=1)
    lost, late = ask(acme), ask(acme)
    assert len(raw()) == 0
    localaws.logs(hold=False)
    told = reading(manage, grace=AT_ONCE, check=True)
    with entered(acme):
        assert request_cost(lost).units["input_tokens"] > 0
        assert request_cost(late).units["input_tokens"] > 0
    assert told["findings"][1:] == [["not_logged", False]]


@pytest.mark.parametrize(
    "stage",
    ["object_put 1 before", "object_put 1 after", "deployment_objects_delete 1 before"],
)
def test_a_reader_that_is_killed_is_followed_by_one_that_ends_its_work(
    acme: TenantContext, localaws: LocalAws, manage: Manage, worker: Worker, stage: str
) -> None:
    for _ in range(3):
        ask(acme)
    localaws.logs()
    killed(worker, "us-east-1", *stage.split())
    told = reading(manage)
    assert [state for _, state, *_ in told["calls"]] == ["matched"] * 3
    assert told["findings"] == []
    assert raw() == []
    assert len(copies(acme)) == 3


def test_a_large_body_goes_with_its_record_and_is_waited_for(
    acme: TenantContext, localaws: LocalAws, manage: Manage
) -> None:
    ask(acme, text="word " * 30_000)
    localaws.logs()
    (body,) = [key for key in raw() if "/data/" in key]
    s3 = ops_client("s3", "us-east-1")
    content = s3.get_object(Bucket=bucket("us-east-1"), Key=body)["Body"].read()
    s3.delete_object(Bucket=bucket("us-east-1"), Key=body)
    told = reading(manage)
    assert (told["calls"], told["us-east-1"]["complete"]) == ([], False)
    s3.put_object(Bucket=bucket("us-east-1"), Key=body, Body=content)
    told = reading(manage)
    assert [state for _, state, *_ in told["calls"]] == ["matched"]
    assert raw() == []
    with entered(acme):
        (large,) = [key for key in objects_list("invocations") if "/data/" in key]
        assert b"word word" in gzip.decompress(object_get(large) or b"")
    path = copies(acme)[-1]["input"]["inputBodyS3Path"]
    assert path == f"s3://{bucket('us-east-1')}/tenants/{acme.id}/{large}"


def test_a_stamp_that_names_another_tenant_moves_nothing_of_that_tenant(
    acme: TenantContext, globex: TenantContext, localaws: LocalAws, manage: Manage
) -> None:
    asked = question()
    with entered(globex):
        call = text_call_open(asked, policy_of(globex, "small"), operation="Converse", stream=False)
        call.estimate()
        before = request_cost(asked.request_id).units
    with entered(acme):  # a session of acme that claims to work for globex
        policy = policy_of(acme, "small")
        client("bedrock-runtime").converse(
            modelId=policy.profile_arn,
            messages=list(asked.messages),
            guardrailConfig=guarded(policy),
            requestMetadata={"tenant": str(globex.id), **call.stamp},
        )
        client("bedrock-runtime").converse(
            modelId=policy.profile_arn,
            messages=list(asked.messages),
            guardrailConfig=guarded(policy),
        )
    localaws.logs()
    told = reading(manage)
    assert sorted(kind for kind, _ in told["findings"]) == [
        "foreign", "not_in_ledger", "not_in_ledger",
    ]  # fmt: skip
    with entered(globex):
        assert request_cost(asked.request_id).units == before
    assert copies(globex) == copies(acme) == []


def test_usage_of_a_profile_that_nobody_knows_is_flagged(
    acme: TenantContext, localaws: LocalAws, manage: Manage
) -> None:
    ask(acme)
    with public_scope("staff"):
        row = InferenceProfile.objects.get(
            region=acme.region, plan=acme.plan, role="small", tenant_id=None, retired_at=None
        )
        InferenceProfile.objects.filter(id=row.id).update(arn=f"{row.arn}x")
    localaws.logs()
    assert reading(manage)["findings"] == [["not_in_ledger", False]]
