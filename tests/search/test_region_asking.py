"""Staff ask for a move to another Region; the worker does it in pieces and says how far it is."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from bedrock.models import BatchJob, GuardrailCheck, Model, ModelRoute, Role
from bedrock.services import safety_set
from tenants.accounts.models import AuditEvent, User
from tenants.context import Actor, TenantContext, entered, public_scope
from tenants.lifecycle.regionstate import region_moved
from tenants.objects import bucket
from tenants.redis import redis_client
from tenants.registry.models import RegionMove, Status, Tenant
from tests.search.regionworkspace import (
    MIA,
    NEW,
    OLD,
    TOPIC,
    Manage,
    ask,
    inside,
    move,
    own,
    row,
    status,
)
from tests.search.regionworkspace import moving as moving
from tests.support.cast import CHARLIE
from tests.support.clients import staff_client, tenant_of

pytestmark = pytest.mark.django_db(transaction=True)

LIST, MOVES = "/admin/registry/tenant/", "/admin/registry/regionmove/"
WEST = "us-west-2"
WHY = "Their data is to be in the United States"
# A message of the worker's, in pieces as short as can be; prints which keys were sent there.
PIECE = """
import search.regions, search.tasks
from tenants.aws import ops_client
search.regions.TELL, search.tasks.PIECE = 0.0, 0.0
def sent(params, **_):
    print("sent", params["Key"])
ops_client("s3", "us-east-1").meta.events.register("provide-client-params.s3.PutObject", sent)
search.tasks.move_region("{move_id}")
"""
WHOLE = """
import search.tasks
from django.conf import settings
settings.REGIONS = ["us-east-1", "eu-central-1", "us-west-2"]
{spoilt}
search.tasks.PIECE = 600.0
search.tasks.move_region("{move_id}")
"""
# Nothing arrives as it was, or there is no bucket to arrive in.
SPOILT = """
from tenants.aws import ops_client
def spoil(params, **_):
    params["Body"] = b"an other text"
ops_client("s3", "us-east-1").meta.events.register("provide-client-params.s3.PutObject", spoil)
"""
NO_BUCKET = """
from tenants.aws import ClientError, ops_client
def refuse(params, **_):
    raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "CreateBucket")
for name in ("HeadBucket", "CreateBucket"):
    ops_client("s3", "us-west-2").meta.events.register(f"provide-client-params.s3.{name}", refuse)
"""
# The last place goes between the look before copying and the change.
FULL = """
import bedrock.models, bedrock.regionmoves as moves
claim = moves.own_guardrail_claim
def full(*given):
    full_now = {"quota": 0, "reserve": 0}
    bedrock.models.GuardrailCheck.objects.update_or_create(region="us-east-1", defaults=full_now)
    claim(*given)
moves.own_guardrail_claim = full
"""
# The second process comes while the first stands in the middle of its move.
TWICE = """
import subprocess, sys
from search.regions import region_move
for line in region_move("moving", "us-east-1"):
    if "is prepared" in line:
        second = subprocess.run([sys.executable, "manage.py", "move_region", "--tenant", "moving",
                                 "--to", "us-east-1"], capture_output=True, text=True)
        print("second", second.returncode, second.stderr)
    print(line)
"""


def step(name: str, role: str = "security", *, of: Any = None, **given: str) -> str:
    """Send a step's form, as a role of staff; return the page that follows."""
    form = {"action": name, "_selected_action": str((of or row()).pk), **given}
    page = staff_client(role).post(LIST, form, follow=True).content.decode()
    connection.close()
    return page


def asked(choice: str = NEW) -> str:
    return step("region", choice=choice, typed="moving", reason=WHY, confirmed="1")


def page_of(tenant: Any) -> str:
    page = staff_client("security").get(f"{LIST}{tenant.pk}/change/").content.decode()
    connection.close()
    return page


def now() -> RegionMove:
    found = move()
    assert found is not None
    return found


def worked(manage: Manage, work: str, **more: str) -> str:
    """Do a message of the worker's, in a process with its login."""
    connection.close()
    return manage("owner", "shell", "-c", work.format(move_id=now().id, **more))


def sent_again(manage: Manage) -> list[str]:
    """Return which moves the schedule sends again."""
    connection.close()
    manage("owner", "shell", "-c", "import search.tasks; search.tasks.move_regions_due()")
    return messages()


def messages() -> list[list[str]]:
    """Return what the provisioning worker has been told to move, and forget it."""
    from config.celery import app

    key = f"{app.conf.broker_transport_options['global_keyprefix']}provisioning"
    found = [json.loads(each) for each in redis_client().lrange(key, 0, -1)]
    redis_client().delete(key)
    return [
        each["headers"]["argsrepr"].strip("(',)")
        for each in found
        if each["headers"]["task"] == "search.move_region"
    ]


def records(action: str) -> list[dict[str, Any]]:
    """Return what staff's record and the workspace's own say of a deed."""
    with public_scope("staff"):
        found = list(AuditEvent.objects.filter(action=action).values_list("data", flat=True))
    with entered(row().context):
        found += AuditEvent.objects.filter(action=action).values_list("data", flat=True)
    connection.close()
    return found


def test_staff_ask_with_what_it_does_shown_and_the_worker_moves_it_in_pieces(
    moving: TenantContext, manage: Manage
) -> None:
    before = inside(OLD)
    form = {"choice": NEW, "reason": WHY, "confirmed": "1"}
    page = step("region", typed="moving", **form)
    assert "suspend it first" in page and "What will happen" not in page
    status("suspend")
    page = step("region")
    assert "US East (N. Virginia)" in page and "Europe (Frankfurt)" not in page
    page = step("region", choice=NEW)
    for told in ("read back there and compared", "Cut off", "deleted for good", "Type “moving”"):
        assert told in page
    assert "Type the workspace&#x27;s address" in step("region", typed="movin", **form)
    for role in ("support", "finance"):  # who may not is not obeyed, however the form is sent
        step("region", role, typed="moving", **form)
        assert "Move to another Region…" not in staff_client(role).get(LIST).content.decode()
    connection.close()
    assert move() is None and messages() == []

    assert "is to be moved to us-east-1" in asked()
    assert messages() == [str(now().id)] and now().state == "waiting"
    staffs, its_own = records("workspace.region")
    assert staffs == {"reason": WHY, "choice": NEW} and its_own == staffs | {"by": "staff"}
    assert "just now" in asked() and "is being moved from" in status("resume")
    assert staff_client("support").get(MOVES)["Refresh"] == "2"

    sent = [worked(manage, PIECE)]
    assert now().state == "running" and now().step == "us-east-1 is prepared"
    assert messages() == [str(now().id)]  # it sends itself again
    sent.append(worked(manage, PIECE))
    first = f"1 of {len(before)} objects are in {bucket(NEW)}"
    assert now().step == first and first in page_of(row())
    messages()
    # Its message is lost with a worker: once it has stood still for a while it is sent again.
    assert sent_again(manage) == []
    with public_scope("staff"):
        long_ago = timezone.now() - timedelta(minutes=2)
        RegionMove.objects.filter(id=now().id).update(changed_at=long_ago)
    assert sent_again(manage) == [str(now().id)]
    # Each piece brings it further, however short it is.
    sent += [worked(manage, PIECE) for _ in range(20) if now().state == "running"]
    keys = [line for told in sent for line in told.splitlines() if line.startswith("sent ")]
    assert sorted(keys) == [f"sent {key}" for key in sorted(before)]  # each once
    assert now().state == "done" and inside(NEW) == before and not inside(OLD)
    page = page_of(row())
    assert "Moved</span>" in page and "From eu-central-1 to us-east-1" in page
    assert "Refresh" not in staff_client().get(MOVES)
    connection.close()
    assert "is active again" in status("resume")
    assert "30 days" in ask()["answer"]
    with entered(tenant_of(MIA)):
        assert region_moved(moving.id) == now()


def test_what_stops_it_stands_on_the_page_and_it_goes_on_or_is_given_up(
    moving: TenantContext, manage: Manage
) -> None:
    before, had = inside(OLD), own(OLD)
    status("suspend")
    asked()
    # What speaks against it is looked at again where it begins: then nothing was done.
    with entered(moving):
        job = BatchJob.objects.create(tenant_id=moving.id, region=OLD, feature="ingest")
    worked(manage, WHOLE, spoilt="")
    assert now().state == "refused" and "Batch jobs of it are open" in now().error
    assert "Batch jobs of it are open" in step("region")
    assert "Nothing was done" in page_of(row()) and not inside(NEW)
    with entered(moving):
        BatchJob.objects.filter(id=job.id).update(state="done")
    assert "is active again" in status("resume")
    status("suspend")

    asked()
    worked(manage, WHOLE, spoilt=FULL)
    assert now().state == "stopped" and "All guardrails of us-east-1 are taken" in now().error
    assert row().region == OLD and inside(OLD) == before and own(OLD) == had
    page = page_of(row())
    assert "All guardrails" in page and "let it go on" in page and "being moved" in status("resume")
    form = {"reason": WHY, "confirmed": "1"}
    assert "is being given up" in step("region_back", **form)
    worked(manage, WHOLE, spoilt="")
    assert now().state == "given_up" and not inside(NEW) and set(own(NEW).values()) == {0}
    assert [each["target"] for each in records("workspace.region_kept")] == [NEW, NEW]
    assert records("workspace.region_back")[1] == {"reason": WHY, "by": "staff"}
    assert "No move of it" in step("region_back", **form)

    asked()
    worked(manage, WHOLE, spoilt=SPOILT)
    assert now().state == "stopped" and "did not arrive" in now().error
    assert "It goes on where it was stopped" in step("region", choice=NEW)
    asked()
    worked(manage, WHOLE, spoilt="")
    assert now().state == "done" and inside(NEW) == before and not inside(OLD)


def test_what_was_never_prepared_is_given_up_and_a_second_process_is_refused(
    moving: TenantContext, manage: Manage, settings: Any
) -> None:
    before = inside(OLD)
    status("suspend")
    settings.REGIONS = [*settings.REGIONS, WEST]
    assert "is to be moved to us-west-2" in asked(choice=WEST)
    worked(manage, WHOLE, spoilt=NO_BUCKET)
    assert now().state == "stopped" and now().error.endswith("(AccessDenied)")
    step("region_back", reason=WHY, confirmed="1")
    worked(manage, WHOLE, spoilt="")
    assert now().state == "given_up" and inside(OLD) == before
    connection.close()
    told = manage("owner", "shell", "-c", TWICE)
    assert "second 1 CommandError: region_move_under_way: moving is being moved by another" in told
    assert "Nothing of moving's own is left" in told and inside(NEW) == before


def test_a_region_that_cannot_be_had_says_what_it_lacks_and_is_not_offered() -> None:
    globex = tenant_of(CHARLIE)
    with public_scope("staff"):
        tenant = Tenant.objects.get(id=globex.id)
        Tenant.objects.filter(id=tenant.id).update(status=Status.SUSPENDED)
        routes = ModelRoute.objects.filter(geography="us")
        small, embedding = routes.get(role=Role.SMALL), routes.get(role=Role.EMBEDDING)
        other = Model.objects.get(pk="cohere.embed-v4:0")
    cannot = "Cannot be had: US East (N. Virginia) · us-east-1:"
    assert cannot not in step("region", of=tenant)
    with entered(globex):
        owner = User.objects.get(email=CHARLIE.email)
        safety_set(actor=Actor(owner.id, owner.role, "session"), topics=[TOPIC])
    with public_scope("staff"):
        small.delete()
        assert f"{cannot} us-east-1 has no model for small" in step("region", of=tenant)
    with public_scope("staff"):
        small.save(force_insert=True)
        ModelRoute.objects.filter(id=embedding.id).update(model=other)
        Model.objects.filter(pk=other.pk).update(dimensions=1024)
        page = step("region", of=tenant)
        assert f"{cannot} us-east-1 embeds in vectors of 1024 numbers" in page
    with public_scope("staff"):
        Model.objects.filter(pk=other.pk).update(dimensions=other.dimensions)
        assert cannot not in step("region", of=tenant)  # another model of the same length
    with public_scope("staff"):
        ModelRoute.objects.filter(id=embedding.id).update(model=embedding.model)
        GuardrailCheck.objects.update_or_create(region=NEW, defaults={"quota": 3, "reserve": 3})
        page = step("region", of=tenant, choice=NEW)
        assert f"{cannot} All guardrails of us-east-1 are taken" in page
        assert "Choose what" not in page and "What will happen" not in page
        form = {"choice": NEW, "typed": "globex", "reason": WHY, "confirmed": "1"}
        assert "Choose what it should be" in step("region", of=tenant, **form)
    with public_scope("staff"):
        assert not RegionMove.objects.exists()
