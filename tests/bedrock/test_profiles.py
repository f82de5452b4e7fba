"""Inference profiles follow plans, tenants and routes; what drifts is mended, nothing is lost."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bedrock import policy, provisioning
from bedrock.errors import ProfileQuotaReached
from bedrock.models import InferenceProfile, ModelRoute, PolicyDecision, ProfileCheck
from bedrock.profiles import unknown_arns
from bedrock.reconciling import tags
from tenants.aws import ops_client
from tenants.context import TenantContext, entered, public_scope
from tenants.registry.models import Status, Tenant
from tests.support.cast import PASSWORD
from tests.support.clients import stranger

pytestmark = pytest.mark.django_db
# Nobody's Region: AWS does not roll back what a test has done.
REGION = "us-east-2"


@pytest.fixture(autouse=True)
def _whole() -> Iterator[None]:
    """Begin with what earlier tests left taken up or removed."""
    with public_scope("staff"):
        provisioning.reconcile_profiles(REGION)
        _long_ago()
        provisioning.reconcile_profiles(REGION)
    yield
    policy.forget()


def reconciled() -> list[str]:
    with public_scope("staff"):
        return provisioning.reconcile_profiles(REGION)


def told_of(tenant: TenantContext) -> list[str]:
    """What a run did for one tenant: AWS also holds what other tests have left there."""
    return [line for line in reconciled() if tenant.id.hex in line]


def _long_ago() -> None:
    """Let what retired have retired two hours ago."""
    before = datetime.now(UTC) - timedelta(hours=2)
    InferenceProfile.objects.exclude(retired_at=None).update(retired_at=before)


def moved(tenant: TenantContext, **values: Any) -> None:
    with public_scope("staff"):
        Tenant.objects.filter(id=tenant.id).update(**values)


def own(tenant: TenantContext) -> list[InferenceProfile]:
    with public_scope("staff"):
        return list(
            InferenceProfile.objects.filter(region=REGION, tenant_id=tenant.id).order_by("role")
        )


def in_aws() -> set[str]:
    pages = ops_client("bedrock", REGION).get_paginator("list_inference_profiles")
    return {
        found["inferenceProfileArn"]
        for page in pages.paginate(typeEquals="APPLICATION")
        for found in page["inferenceProfileSummaries"]
    }


def check() -> ProfileCheck:
    with public_scope("staff"):
        return ProfileCheck.objects.get(region=REGION)


def test_a_tenants_profiles_come_and_go_with_its_plan(globex: TenantContext) -> None:
    moved(globex, region=REGION)
    reconciled()
    rows = own(globex)
    assert len(rows) == 3
    assert {row.role for row in rows} == {"small", "frontier", "embedding"}
    assert tags(REGION, rows[0].arn)["TenantId"] == str(globex.id)
    assert not told_of(globex)

    moved(globex, plan="growth")
    assert len(told_of(globex)) == 3
    assert all(row.retired_at and not row.deleted_at for row in own(globex))
    here = TenantContext(
        **{**{f: getattr(globex, f) for f in globex.__slots__}, "region": REGION, "plan": "growth"}
    )
    with public_scope("staff"):
        provisioning.ensure_guardrails(REGION)
        plans = InferenceProfile.objects.get(
            region=REGION, plan="growth", role="small", tenant_id=None, retired_at=None
        )
    policy.forget()
    with entered(globex):
        assert policy.policy_of(here, "small").profile_arn == plans.arn
        PolicyDecision.objects.create(  # a call that still uses the old one
            tenant_id=globex.id, request_id=uuid.uuid4(), call=1, reservation_id=uuid.uuid4(),
            feature="ask", region=REGION, operation="Converse", profile_arn=rows[0].arn,
        )  # fmt: skip
    with public_scope("staff"):
        _long_ago()
    assert len(told_of(globex)) == 2
    assert in_aws() & {row.arn for row in rows} == {rows[0].arn}
    assert check().waiting == 1
    with entered(globex):  # Bills and logs still find what is gone.
        assert unknown_arns(row.arn for row in rows) == set()

    moved(globex, plan="enterprise")
    reconciled()
    again = [row for row in own(globex) if row.retired_at is None]
    assert len(again) == 3
    moved(globex, status=Status.DELETED)
    reconciled()
    assert all(row.retired_at for row in own(globex))


def test_a_new_route_gets_new_profiles_and_the_old_ones_wait() -> None:
    with public_scope("staff"):
        before = InferenceProfile.objects.get(
            region=REGION, plan="trial", role="small", retired_at=None
        )
        ModelRoute.objects.create(
            role="small",
            geography="us",
            model_id="amazon.nova-pro-v1:0",
            source="us.amazon.nova-pro-v1:0",
            starts_on=datetime.now(UTC).date(),
        )
    reconciled()
    with public_scope("staff"):
        after = InferenceProfile.objects.get(
            region=REGION, plan="trial", role="small", retired_at=None
        )
        before.refresh_from_db()
    assert (after.model_id, before.state) == ("amazon.nova-pro-v1:0", "replaced by another model")
    assert {before.arn, after.arn} <= in_aws()
    with public_scope("staff"):
        _long_ago()
    reconciled()
    assert before.arn not in in_aws()


def test_drift_is_found_and_mended() -> None:
    bedrock = ops_client("bedrock", REGION)
    with public_scope("staff"):
        lost, mistagged = InferenceProfile.objects.filter(
            region=REGION, role="small", retired_at=None
        )[:2]
        InferenceProfile.objects.filter(region=REGION).update(checked_at=None)
    bedrock.delete_inference_profile(inferenceProfileIdentifier=lost.arn)
    bedrock.untag_resource(resourceARN=mistagged.arn, tagKeys=["Model"])
    bedrock.tag_resource(
        resourceARN=mistagged.arn,
        tags=[{"key": "Tier", "value": "wrong"}, {"key": "TenantId", "value": "somebody"}],
    )
    source = "arn:aws:bedrock:us-east-2::foundation-model/amazon.nova-lite-v1:0"
    orphan, foreign = (
        bedrock.create_inference_profile(
            inferenceProfileName=f"{name} {uuid.uuid4().hex[:6]}",
            modelSource={"copyFrom": source},
            tags=[{"key": "Deployment", "value": name}],
        )["inferenceProfileArn"]
        for name in ("tenantry-documents", "another")
    )
    done = "\n".join(reconciled())
    assert f"profile {lost.name}" in done
    assert f"tags Model, Tier of {mistagged.name}" in done
    assert f"took tags TenantId off {mistagged.name}" in done
    assert tags(REGION, mistagged.arn)["Tier"] == mistagged.plan
    with public_scope("staff"):
        lost.refresh_from_db()
        mistagged.refresh_from_db()
    assert lost.state == "missing in AWS, made again"
    assert mistagged.state == "mended tags: Model, Tier, TenantId"
    assert (check().foreign, check().warning) == (1, "")
    assert {orphan, foreign} <= in_aws(), "an orphan so young may belong to a run under way"
    bedrock.delete_inference_profile(inferenceProfileIdentifier=foreign)


def test_the_quota_is_counted_warned_of_and_never_passed(globex: TenantContext) -> None:
    for found in ops_client("bedrock", REGION).list_inference_profiles(
        typeEquals="APPLICATION", maxResults=1000
    )["inferenceProfileSummaries"]:
        if globex.id.hex in found["inferenceProfileName"]:  # another test's
            ops_client("bedrock", REGION).delete_inference_profile(
                inferenceProfileIdentifier=found["inferenceProfileArn"]
            )
    total = len(in_aws())
    with public_scope("staff"):
        ProfileCheck.objects.filter(region=REGION).update(quota=total + 1)
    reconciled()
    assert f"{total} of {total + 1} profiles are used" in check().warning
    moved(globex, region=REGION)
    assert len([line for line in reconciled() if line.startswith("profile")]) == 1
    assert "no inference profile left in this Region" in check().warning
    assert check().total == total + 1 == len(in_aws())
    with public_scope("staff"), pytest.raises(ProfileQuotaReached):
        provisioning.region_ensure(REGION)


def test_a_profile_that_no_row_knows_is_told_apart(acme: TenantContext) -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl"
    with entered(acme):
        assert unknown_arns([arn]) == {arn}


def test_staff_see_profiles_with_their_state_and_the_last_check() -> None:
    staff = stranger("localhost")
    answer = staff.post(
        "/admin/login/?next=/admin/",
        {"username": "staff@tenantry.example", "password": PASSWORD},
    )
    assert answer.status_code == 302
    profiles = staff.get("/admin/bedrock/inferenceprofile/").content.decode()
    assert "as it should be" in profiles
    assert REGION in staff.get("/admin/bedrock/profilecheck/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_task_runs_under_the_owners_login(manage: Callable[..., str]) -> None:
    run = "from bedrock.tasks import profiles_upkeep; profiles_upkeep(); print('done')"
    assert manage("owner", "shell", "-v", "0", "-c", run).strip().endswith("done")
    with public_scope("staff"):
        regions = set(
            ProfileCheck.objects.exclude(checked_at=None).values_list("region", flat=True)
        )
    assert {"us-east-1", "eu-central-1"} <= regions
