"""What calls need in AWS is made once, found again, and mended."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from bedrock import provisioning
from bedrock.models import Guardrail, InferenceProfile, Model
from bedrock.postures import postures
from tenants.context import TenantContext, entered, public_scope
from tenants.deployment_objects import expiry_ensure
from tenants.objects import bucket

pytestmark = pytest.mark.django_db
# Nobody's Region: AWS does not roll back what a test has done.
REGION = "us-west-2"


@pytest.fixture
def _as_staff() -> Iterator[None]:
    with public_scope("staff"):
        yield


def aws(region: str = REGION) -> "boto3.client":
    return boto3.client("bedrock", region_name=region, endpoint_url=os.environ["AWS_ENDPOINT_URL"])


@pytest.mark.usefixtures("_as_staff")
def test_a_second_run_finds_nothing_to_do() -> None:
    assert provisioning.region_ensure("us-east-1") == []
    assert provisioning.region_ensure("eu-central-1") == []


@pytest.mark.usefixtures("_as_staff")
def test_a_new_region_is_made_whole() -> None:
    provisioning.region_ensure(REGION)
    assert len(_guardrails()) == len(postures())
    assert InferenceProfile.objects.filter(region=REGION).count() == 9
    assert provisioning.region_ensure(REGION) == []


@pytest.mark.usefixtures("_as_staff")
def test_every_posture_stands_in_every_region_in_use_at_a_number() -> None:
    assert provisioning.regions_in_use() == ["eu-central-1", "us-east-1"]
    rows = Guardrail.objects.all()
    assert {(row.posture, row.region) for row in rows} == {
        (posture, region) for posture in postures() for region in ("eu-central-1", "us-east-1")
    }
    for row in rows:
        found = aws(row.region).get_guardrail(
            guardrailIdentifier=row.guardrail_id, guardrailVersion=row.version
        )
        assert found["guardrailArn"] == row.arn
        assert found["version"].isdecimal()
        assert found["blockedInputMessaging"] == row.definition["blockedInputMessaging"]


@pytest.mark.usefixtures("_as_staff")
def test_a_guardrail_that_drifted_gets_a_new_version_of_its_definition() -> None:
    provisioning.ensure_guardrails(REGION)
    before = Guardrail.objects.get(posture="internal", region=REGION)
    client = aws()
    client.update_guardrail(
        guardrailIdentifier=before.guardrail_id,
        name="tenantry-documents-internal",
        blockedInputMessaging="old",
        blockedOutputsMessaging="old",
        wordPolicyConfig={"wordsConfig": [{"text": "old"}]},
    )
    client.delete_guardrail(
        guardrailIdentifier=before.guardrail_id, guardrailVersion=before.version
    )
    name = "guardrail tenantry-documents-internal"
    assert provisioning.ensure_guardrails(REGION) == [
        f"{name}: version {before.version} was gone",
        f"{name}: version {int(before.version) + 1}",
    ]
    after = Guardrail.objects.get(posture="internal", region=REGION)
    assert after.guardrail_id == before.guardrail_id
    assert int(after.version) > int(before.version)
    found = client.get_guardrail(
        guardrailIdentifier=after.guardrail_id, guardrailVersion=after.version
    )
    assert found["blockedInputMessaging"] == after.definition["blockedInputMessaging"]
    assert provisioning.ensure_guardrails(REGION) == []


@pytest.mark.usefixtures("_as_staff")
def test_what_a_lost_database_had_made_is_taken_up_again() -> None:
    provisioning.region_ensure(REGION)
    known = {row.posture: (row.guardrail_id, row.version) for row in _guardrails()}
    arns = set(InferenceProfile.objects.filter(region=REGION).values_list("arn", flat=True))
    Guardrail.objects.filter(region=REGION).delete()
    InferenceProfile.objects.filter(region=REGION).delete()
    count = len(_listed())
    provisioning.region_ensure(REGION)
    assert {row.posture: (row.guardrail_id, row.version) for row in _guardrails()} == known
    assert arns == set(InferenceProfile.objects.filter(region=REGION).values_list("arn", flat=True))
    assert len(_listed()) == count


def _guardrails() -> list[Guardrail]:
    return list(Guardrail.objects.filter(region=REGION))


def _listed() -> list[dict[str, object]]:
    found = aws().list_inference_profiles(typeEquals="APPLICATION", maxResults=1000)
    return list(found["inferenceProfileSummaries"])


@pytest.mark.usefixtures("_as_staff")
def test_a_profile_deleted_in_aws_is_made_again() -> None:
    provisioning.ensure_profiles(REGION)
    row = InferenceProfile.objects.get(region=REGION, plan="trial", role="small")
    aws().delete_inference_profile(inferenceProfileIdentifier=row.arn)
    assert len(provisioning.ensure_profiles(REGION)) == 1
    again = InferenceProfile.objects.get(region=REGION, plan="trial", role="small", retired_at=None)
    assert again.arn != row.arn
    row.refresh_from_db()
    assert row.deleted_at is not None


@pytest.mark.usefixtures("_as_staff")
def test_invocation_logging_is_put_back() -> None:
    provisioning.region_ensure(REGION)
    client = aws()
    client.delete_model_invocation_logging_configuration()
    assert len(provisioning.ensure_logging(REGION)) == 1
    found = client.get_model_invocation_logging_configuration()["loggingConfig"]
    assert found["s3Config"]["keyPrefix"] == "invocation-logs"
    assert found["s3Config"]["bucketName"].endswith(REGION)


@pytest.mark.usefixtures("_as_staff")
def test_raw_logs_and_bills_expire_by_themselves_and_no_workspaces_files_do() -> None:
    provisioning.region_ensure(REGION)
    s3 = boto3.client("s3", region_name=REGION, endpoint_url=os.environ["AWS_ENDPOINT_URL"])

    def expiring() -> dict[str, dict[str, int]]:
        rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket(REGION))["Rules"]
        assert {rule["Status"] for rule in rules} == {"Enabled"}
        about = ("Expiration", "AbortIncompleteMultipartUpload")
        return {
            rule["Filter"]["Prefix"]: {name: rule[name] for name in about if name in rule}
            for rule in rules
        }

    wanted = {
        "invocation-logs/": {"Expiration": {"Days": 7}},
        "invocation-unassigned/": {"Expiration": {"Days": 30}},
        "cost-exports/": {"Expiration": {"Days": 100}},
        "tenants/": {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}},
    }
    assert expiring() == wanted
    s3.delete_bucket_lifecycle(Bucket=bucket(REGION))
    assert len(provisioning.ensure_expiry(REGION)) == 1
    assert expiring() == wanted
    assert provisioning.ensure_expiry(REGION) == []
    with pytest.raises(ValueError, match="no object of the deployment"):
        expiry_ensure(REGION, {"tenants/": 1})


@pytest.mark.usefixtures("_as_staff")
def test_pages_of_workspaces_and_no_others_may_send_to_the_bucket(
    settings: Any,
) -> None:
    provisioning.region_ensure(REGION)
    s3 = boto3.client("s3", region_name=REGION, endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    for base in ("https://app.example.com", settings.BASE_URL):
        settings.BASE_URL = base
        assert len(provisioning.ensure_uploads(REGION)) == 1
        assert provisioning.ensure_uploads(REGION) == []
        (rule,) = s3.get_bucket_cors(Bucket=bucket(REGION))["CORSRules"]
        assert rule["AllowedOrigins"] == [base.replace("://", "://*.")]
        assert rule["AllowedMethods"] == ["PUT"]


def test_profiles_are_tagged_for_the_bill_and_for_the_roles_policy(globex: TenantContext) -> None:
    with entered(globex):
        rows = list(InferenceProfile.objects.filter(tenant_id=globex.id))
    assert {row.role for row in rows} == {"small", "frontier", "embedding"}
    client = aws("eu-central-1")
    for row in rows:
        tags = client.list_tags_for_resource(resourceARN=row.arn)["tags"]
        found = {tag["key"]: tag["value"] for tag in tags}
        assert found["TenantId"] == str(globex.id)
        assert found["Tier"] == "enterprise"
        assert found["ModelRole"] == row.role


def test_profiles_stay_in_the_geography(globex: TenantContext) -> None:
    with entered(globex):
        rows = list(InferenceProfile.objects.filter(region="eu-central-1"))
    assert rows
    for row in rows:
        name = row.source.split("/", 1)[1]
        assert name.startswith("eu.") or "foundation-model" in row.source


@pytest.mark.django_db(transaction=True)
def test_the_command_says_what_it_did_and_what_the_models_can_do(
    manage: Callable[..., str],
) -> None:
    manage("app", "provision_aws")  # tags can be turned on only once something was charged
    said = manage("app", "provision_aws", "--abilities", "extractive")
    assert said.strip().endswith("AWS has everything that the product needs.")
    with public_scope("staff"):
        assert not Model.objects.filter(supports_tone=True).exists()
    manage("app", "provision_aws", "--abilities", "full")
    with public_scope("staff"):
        assert Model.objects.filter(supports_translate=True, max_output__gt=0).exists()
        assert not Model.objects.filter(supports_translate=True, max_output=0).exists()
