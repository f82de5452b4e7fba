"""A suspended workspace moves to another Region whole, or stays whole where it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection

from billing.models import LedgerEntry
from tenants.accounts.models import AuditEvent
from tenants.aws import ops_client
from tenants.context import TenantContext, entered, public_scope
from tenants.objects import bucket, object_put, objects_list, tenant_objects_count
from tenants.registry.models import DataPolicy, RegionMove, Status, Tenant
from tests.search.regionworkspace import MIA, MOVE, NEW, OLD, Manage, ask, inside, own, row, status
from tests.search.regionworkspace import moving as moving
from tests.search.shelf import find
from tests.search.shelf import names as names_of
from tests.support.clients import api, tenant_of

pytestmark = pytest.mark.django_db(transaction=True)

# Runs the command's own code in a process of its own, spoilt at one place of botocore's or cut off.
SPOILT = """
from search.regions import region_move
from tenants.aws import ops_client
from tenants.context import public_scope
def spoil(params, **_):
    if params["Key"].endswith("spoilt.txt"):
        params["Body"] = b"an other text"
ops_client("s3", "us-east-1").meta.events.register("provide-client-params.s3.PutObject", spoil)
for line in region_move("moving", "us-east-1"):
    print(line)
"""
KILLED = """
import os
from search.regions import region_move
for line in region_move("moving", "us-east-1"):
    if {behind!r} in line:
        os._exit(9)
"""

# Goes on with the move; one more object is stored there when the old Region has just been emptied.
LATER = """
from search.regions import region_move
from tenants.aws import ops_client
from tenants.objects import bucket
stored = []
def later(**_):
    if not stored:
        stored.append("tenants/{id}/attached/later.txt")
        ops_client("s3", "eu-central-1").put_object(
            Bucket=bucket("eu-central-1"), Key=stored[0], Body=b"later")
ops_client("bedrock", "eu-central-1").meta.events.register(
    "provide-client-params.bedrock.DeleteInferenceProfile", later)
for line in region_move("moving", "us-east-1"):
    print(line)
"""


def refused(manage: Manage, code: str, *arguments: str) -> None:
    connection.close()
    with pytest.raises(RuntimeError, match=code):
        manage("owner", "move_region", *arguments)


def test_a_workspace_is_whole_in_the_new_region_and_nothing_is_left_in_the_old(
    moving: TenantContext, manage: Manage, tmp_path: Path
) -> None:
    backup = str(tmp_path / "moving.dump")
    manage("owner", "backup_workspace", "moving", "--to", backup)
    answer = ask()
    assert "30 days" in answer["answer"] and answer["citations"]
    before, had = inside(OLD), own(OLD)
    assert len(before) >= 2 and had["profiles"] > 0 and had["guardrails"] == 1
    with public_scope("staff"):
        paid = list(LedgerEntry.objects.filter(tenant_id=moving.id).values_list("id", "region"))
    assert paid and {region for _, region in paid} == {OLD}
    status("suspend")
    # Killed before the change it is whole in the old Region and stays closed; killed behind it,
    # the next run empties the old one.
    with pytest.raises(RuntimeError):
        manage("owner", "shell", "-c", KILLED.format(behind="objects are in"))
    assert row().region == OLD and inside(OLD) == before
    assert "run `move_region` again" in status("resume")
    refused(manage, "conflict.*being moved from", "--tenant", "moving", "--to", "eu-west-1")
    with pytest.raises(RuntimeError):
        manage("owner", "shell", "-c", KILLED.format(behind="is in us-east-1 now"))
    assert row().region == NEW and inside(OLD) == before == inside(NEW)
    assert "run `move_region` again" in status("resume")
    for closed in (("offboard_workspace", "moving", "--now"),
                   ("restore_workspace", "moving", "--from", backup)):  # fmt: skip
        with pytest.raises(RuntimeError, match="run `move_region` again"):
            manage("owner", *closed)
    manage("owner", "offboard_workspace", "moving", "--cancel")
    with entered(moving):  # as a task that began before would: in the Region that it knew
        object_put("attached/late.txt", b"late", content_type="text/plain")
    connection.close()
    told = manage("owner", "shell", "-c", LATER.format(id=moving.id))
    assert told.count("1 objects more") == 2 and f"Nothing of moving's own is left in {OLD}" in told
    assert f"bucket {bucket(OLD)}, " in told and "expires by" in told
    attached = f"tenants/{moving.id}/attached"
    more = {f"{attached}/late.txt": b"late", f"{attached}/later.txt": b"later"}
    assert inside(NEW) == before | more
    assert tenant_objects_count(moving) == 0 and set(own(OLD).values()) == {0}
    assert own(NEW) == had
    names = [
        each["inferenceProfileName"]
        for page in ops_client("bedrock", OLD).get_paginator("list_inference_profiles").paginate(
            typeEquals="APPLICATION")
        for each in page["inferenceProfileSummaries"]
    ]  # fmt: skip
    assert names and not [name for name in names if moving.id.hex in name]
    refused(manage, "conflict.*already", "--tenant", "moving", "--to", NEW)
    assert "is active again" in status("resume")
    # Read, found and answered in the new Region; what was paid before stays as it was.
    assert names_of(find(api(MIA), "first class trains"))[0] == "travel.md"
    again = ask()
    assert "30 days" in again["answer"]
    assert again["citations"][0]["quote"] == answer["citations"][0]["quote"]
    with entered(tenant_of(MIA)):
        assert "attached/spoilt.txt" in set(objects_list())
        (kept,) = AuditEvent.objects.filter(action="workspace.region_moved")
    with public_scope("staff"):
        lines = LedgerEntry.objects.filter(tenant_id=moving.id)
        assert [pair for pair in lines.values_list("id", "region") if pair in paid] == paid
        new = lines.exclude(id__in=[number for number, _ in paid])
        assert set(new.values_list("region", flat=True)) == {NEW}
        seen = AuditEvent.objects.get(action="workspace.region_moved", object_id=str(moving.id))
    assert kept.data == seen.data
    assert (seen.data["origin"], seen.data["target"]) == (OLD, NEW)
    assert seen.data["objects"] == len(before)


def test_what_does_not_arrive_leaves_it_whole_and_the_move_can_be_given_up(
    moving: TenantContext, manage: Manage
) -> None:
    before, had = inside(OLD), own(OLD)
    refused(manage, "conflict.*suspend it first", "--tenant", "moving", "--to", NEW)
    refused(manage, "invalid.*no Region of this", "--tenant", "moving", "--to", "mars-1")
    refused(manage, "invalid.*no workspace", "--tenant", "nobody", "--to", NEW)
    status("suspend")
    refused(manage, "conflict.*already", "--tenant", "moving", "--to", OLD)
    with entered(moving):
        DataPolicy.objects.create(tenant_id=moving.id, version=1, hold=True, hold_reason="A suit")
    refused(manage, "legal_hold", "--tenant", "moving", "--to", NEW)
    with entered(moving):
        DataPolicy.objects.create(tenant_id=moving.id, version=2)
    connection.close()
    with pytest.raises(RuntimeError, match="did not arrive"):
        manage("owner", "shell", "-c", SPOILT)
    assert row().region == OLD and inside(OLD) == before and own(OLD) == had
    assert row().status == Status.SUSPENDED
    with public_scope("staff"):
        told = RegionMove.objects.get(tenant_id=moving.id)
    assert told.state == RegionMove.State.STOPPED and "did not arrive" in told.error
    refused(manage, "conflict.*being moved from", "--tenant", "moving", "--to", "eu-west-1")
    assert "given up" in manage("owner", *MOVE, OLD)
    assert not inside(NEW) and set(own(NEW).values()) == {0}
    assert inside(OLD) == before and own(OLD) == had
    assert "is active again" in status("resume")
    assert "30 days" in ask()["answer"]
    with public_scope("staff"):
        Tenant.objects.filter(id=moving.id).update(retrieval="kb_shared", status="suspended")
    refused(manage, "conflict.*move_retrieval", "--tenant", "moving", "--to", NEW)
    with public_scope("staff"):
        Tenant.objects.filter(id=moving.id).update(retrieval="schema")
