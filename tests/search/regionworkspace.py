"""A workspace that moves to another Region, and what it has in each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from bedrock.models import Guardrail, InferenceProfile, KnowledgeBase
from bedrock.services import safety_set
from tenants.accounts.keys import digest_of
from tenants.accounts.models import ApiKey, User
from tenants.aws import ops_client
from tenants.context import Actor, TenantContext, entered, public_scope
from tenants.lifecycle.regionstate import OPEN
from tenants.objects import bucket, object_put
from tenants.registry.models import RegionMove, Tenant
from tests.documents.helpers import HANDBOOK, ready
from tests.support.cast import Person
from tests.support.clients import api, staff_client, tenant_of
from tests.support.services import Worker

Manage = Callable[..., str]

MIA = Person("moving", "Mia", "owner")
OLD, NEW = "eu-central-1", "us-east-1"
TOPIC = {
    "name": "Investment advice",
    "definition": "Advice on which shares or funds to buy.",
    "examples": ["Which shares shall I buy?"],
}
MOVE = ("move_region", "--tenant", "moving", "--to")


@pytest.fixture
def moving(worker: Worker, manage: Manage) -> Iterator[TenantContext]:
    """A workspace with profiles and a guardrail of its own in the old Region, and two files."""
    manage(
        "owner", "create_workspace", "moving", "--name", "Moving", "--owner-email", MIA.email,
        "--plan", "enterprise", "--region", OLD,
    )  # fmt: skip
    tenant = tenant_of(MIA)
    with entered(tenant):
        owner = User.objects.get()
        ApiKey.objects.create(
            user=owner, name="tests", prefix=MIA.key[:12], digest=digest_of(MIA.key)
        )
        safety_set(actor=Actor(owner.id, owner.role, "session"), topics=[TOPIC])
        object_put("attached/spoilt.txt", b"an exact text", content_type="text/plain")
    ready("travel.md", HANDBOOK, MIA)
    connection.close()
    yield tenant
    if (left := move()) and left.state in OPEN:
        manage("owner", *MOVE, NEW)
    manage("owner", "offboard_workspace", "moving", "--now")
    url = worker.served.cluster().url("owner", worker.database)
    with psycopg.connect(url, autocommit=True) as login:
        assert not login.execute(
            "SELECT FROM pg_roles WHERE rolname = %s", [tenant.schema]
        ).rowcount


def move() -> RegionMove | None:
    """Return the workspace's newest move."""
    with public_scope("staff"):
        return RegionMove.objects.filter(tenant_id=row().id).first()


def status(name: str) -> Any:
    """Suspend or resume it, as staff do; return what the page then says."""
    form = {"action": name, "_selected_action": str(row().pk), "confirmed": "1",
            "reason": "They move to another Region"}  # fmt: skip
    page = staff_client().post("/admin/registry/tenant/", form, follow=True)
    connection.close()
    return page.content.decode()


def row() -> Tenant:
    with public_scope("staff"):
        found: Tenant = Tenant.objects.get(slug="moving")
        return found


def inside(region: str) -> dict[str, bytes]:
    """Return the workspace's objects in a Region."""
    s3, prefix = ops_client("s3", region), f"tenants/{row().id}/"
    listed = s3.list_objects_v2(Bucket=bucket(region), Prefix=prefix).get("Contents", [])
    return {
        each["Key"]: s3.get_object(Bucket=bucket(region), Key=each["Key"])["Body"].read()
        for each in listed
    }


def own(region: str) -> dict[str, int]:
    """Count what the workspace has of its own in a Region, by the rows."""
    where = {"tenant_id": row().id, "region": region}
    with public_scope("staff"):
        return {
            "profiles": InferenceProfile.objects.filter(**where, deleted_at=None).count(),
            "guardrails": Guardrail.objects.filter(**where).count(),
            "bases": KnowledgeBase.objects.filter(**where).count(),
        }


def ask() -> Any:
    question = {"question": "How many days may employees work abroad in a year?"}
    return api(MIA).post("/api/v1/ask/", question, content_type="application/json").json()
