"""Cost Explorer and CUR 2.0, computed from the calls served, as foreign clients see them."""

import csv
import gzip
import io
import json
import signal
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from .bases import Base
from .conftest import ANYTHING, NOVA, ROOT, Server, role, user

CLAUDE = "us.anthropic.claude-sonnet-4-6"
COLUMNS = (
    "identity_line_item_id, bill_billing_entity, line_item_usage_start_date, line_item_usage_type,"
    " line_item_resource_id, line_item_iam_principal, line_item_usage_amount,"
    " line_item_unblended_cost, pricing_unit, product, resource_tags, tags"
)
FULL = {
    "TIME_GRANULARITY": "HOURLY",
    "INCLUDE_RESOURCES": "TRUE",
    "INCLUDE_IAM_PRINCIPAL_DATA": "TRUE",
}


def session(server, tenant):
    role(server, "tenant", ANYTHING)
    answer = server.client("sts").assume_role(
        RoleArn="arn:aws:iam::123456789012:role/tenant",
        RoleSessionName=f"tenant-{tenant}",
        Tags=[{"Key": "TenantId", "Value": tenant}],
    )["Credentials"]
    return {
        "aws_access_key_id": answer["AccessKeyId"],
        "aws_secret_access_key": answer["SecretAccessKey"],
        "aws_session_token": answer["SessionToken"],
    }


def today():
    day = datetime.now(UTC).date()
    return {"Start": day.isoformat(), "End": (day + timedelta(days=1)).isoformat()}


def asked(server, **members):
    usual = {"TimePeriod": today(), "Granularity": "DAILY", "Metrics": ["UnblendedCost"]}
    return server.client("ce").get_cost_and_usage(**{**usual, **members})


def groups(server, *by, **members):
    answer = asked(server, GroupBy=[{"Type": t, "Key": k} for t, k in by], **members)
    return {
        tuple(group["Keys"]): Decimal(group["Metrics"]["UnblendedCost"]["Amount"])
        for result in answer["ResultsByTime"]
        for group in result["Groups"]
    }


def exported(server, arn_name, bucket="billing"):
    """The rows of the newest delivery, and how often each line is in it."""
    s3 = server.client("s3")
    keys = [row["Key"] for row in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    newest = max(key for key in keys if arn_name in key and key.endswith("-Manifest.json"))
    manifest = json.loads(s3.get_object(Bucket=bucket, Key=newest)["Body"].read())
    rows = []
    for path in manifest["dataFiles"]:
        key = path.removeprefix(f"s3://{bucket}/")
        content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        rows += csv.DictReader(io.StringIO(gzip.decompress(content).decode()))
    times = defaultdict(int)
    for row in rows:
        times[row["identity_line_item_id"]] += 1
    return rows, times


def export(server, name, settings=FULL, columns=COLUMNS, overwrite="CREATE_NEW_REPORT", **output):
    return server.client("bcm-data-exports").create_export(
        Export={
            "Name": name,
            "DataQuery": {
                "QueryStatement": f"SELECT {columns} FROM COST_AND_USAGE_REPORT",
                "TableConfigurations": {"COST_AND_USAGE_REPORT": settings},
            },
            "DestinationConfigurations": {
                "S3Destination": {
                    "S3Bucket": "billing",
                    "S3Prefix": "cur",
                    "S3Region": "us-east-1",
                    "S3OutputConfigurations": {
                        "OutputType": "CUSTOM",
                        "Format": "TEXT_OR_CSV",
                        "Compression": "GZIP",
                        "Overwrite": overwrite,
                        **output,
                    },
                }
            },
            "RefreshCadence": {"Frequency": "SYNCHRONOUS"},
        }
    )["ExportArn"]


@pytest.fixture
def own(tmp_path):
    server = Server(tmp_path / "aws")
    server.client("s3").create_bucket(Bucket="billing")
    yield server
    server.stop()


def test_what_was_served_is_billed_by_tag_by_principal_and_to_the_last_decimal(own):
    ce = own.client("ce")
    with pytest.raises(ce.exceptions.DataUnavailableException):
        asked(own)
    profile = own.client("bedrock").create_inference_profile(
        inferenceProfileName="acme small",
        modelSource={"copyFrom": f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}"},
        tags=[{"key": "TenantId", "value": "acme"}, {"key": "Model", "value": NOVA}],
    )["inferenceProfileArn"]
    runtime = own.client("bedrock-runtime", **session(own, "acme"))
    runtime.converse(modelId=profile, messages=[user("before any tag is active")])
    known = {
        row["TagKey"]: row["Status"] for row in ce.list_cost_allocation_tags()["CostAllocationTags"]
    }
    assert known == {
        "Model": "Inactive",
        "TenantId": "Inactive",
        "iamPrincipal/TenantId": "Inactive",
    }
    switched = ce.update_cost_allocation_tags_status(
        CostAllocationTagsStatus=[
            {"TagKey": key, "Status": "Active"} for key in (*known, "iamPrincipal/Nobody")
        ]
    )
    assert [error["TagKey"] for error in switched["Errors"]] == ["iamPrincipal/Nobody"]
    used = defaultdict(int)
    for model in (profile, CLAUDE, CLAUDE):
        usage = runtime.converse(modelId=model, messages=[user("hello there")])["usage"]
        for name in ("inputTokens", "outputTokens"):
            used[model, name] += usage[name]
    other = own.client("bedrock-runtime", **session(own, "globex"))
    other.invoke_model(modelId="amazon.titan-embed-text-v2:0", body=json.dumps({"inputText": "hi"}))
    nova = used[profile, "inputTokens"] * Decimal("0.06") + used[profile, "outputTokens"] * Decimal(
        "0.24"
    )
    claude = used[CLAUDE, "inputTokens"] * Decimal("3.3") + used[CLAUDE, "outputTokens"] * Decimal(
        "16.5"
    )
    by_principal = groups(own, ("TAG", "iamPrincipal/TenantId"))
    assert by_principal["iamPrincipal/TenantId$acme",] == (nova + claude) / 10**6
    assert by_principal["iamPrincipal/TenantId$globex",] == Decimal("0.02") / 10**6
    assert by_principal["iamPrincipal/TenantId$",] > 0  # not retroactive
    assert groups(own, ("TAG", "TenantId"))["TenantId$acme",] == nova / 10**6
    types = groups(own, ("TAG", "iamPrincipal/TenantId"), ("DIMENSION", "USAGE_TYPE"))
    mine = "iamPrincipal/TenantId$acme"
    assert (
        types[mine, "USE1-NovaLite-input-tokens"]
        == used[profile, "inputTokens"] * Decimal("0.06") / 10**6
    )
    assert types[mine, "USE1-MP:USE1_OutputTokenCount-Units"] == (
        used[CLAUDE, "outputTokens"] * Decimal("16.5") / 10**6
    )
    services = groups(own, ("DIMENSION", "SERVICE"))
    assert services["Claude Sonnet 4.6 (Amazon Bedrock Edition)",] == claude / 10**6
    market = {"Dimensions": {"Key": "BILLING_ENTITY", "Values": ["AWS Marketplace"]}}
    only = {"And": [{"Tags": {"Key": "Model", "Values": [NOVA]}}, {"Not": market}]}
    assert groups(own, ("TAG", "iamPrincipal/TenantId"), Filter=only) == {(mine,): nova / 10**6}
    total = asked(own, Metrics=["UnblendedCost", "UsageQuantity"])["ResultsByTime"][0]
    assert total["Estimated"]
    assert Decimal(total["Total"]["UnblendedCost"]["Amount"]) == sum(by_principal.values())
    own.post("cost", {"close": today()["End"]})
    assert not asked(own)["ResultsByTime"][0]["Estimated"]
    for wrong in (
        {"GroupBy": [{"Type": "TAG", "Key": key} for key in "abc"]},
        {"Metrics": ["Happiness"]},
        {"TimePeriod": {"Start": "2026-02-02", "End": "2026-02-02"}},
        {"Filter": {"And": [{"Tags": {"Key": "a", "Values": ["b"]}}]}},
    ):
        with pytest.raises(ce.exceptions.ClientError, match="ValidationException"):
            asked(own, **wrong)


def test_an_export_says_the_same_as_cost_explorer_and_survives_kill_9(own):
    for tenant in ("acme", "globex"):
        runtime = own.client("bedrock-runtime", **session(own, tenant))
        for model in (NOVA, CLAUDE):
            runtime.converse(modelId=model, messages=[user(f"hello {tenant}")])
    exports = own.client("bcm-data-exports")
    with pytest.raises(exports.exceptions.ValidationException, match="INCLUDE_IAM_PRINCIPAL_DATA"):
        export(own, "plain", settings={"INCLUDE_RESOURCES": "TRUE"})
    with pytest.raises(exports.exceptions.ValidationException, match="Parquet"):
        export(own, "plain", Format="PARQUET", Compression="PARQUET")
    arn = export(own, "cur2")
    assert [row["ExportName"] for row in exports.list_exports()["Exports"]] == ["cur2"]
    before = groups(own, ("DIMENSION", "USAGE_TYPE"))
    own.process.send_signal(signal.SIGKILL)
    own.process.wait()
    own.process.stdout.close()
    again = Server(own.state)
    try:
        assert groups(again, ("DIMENSION", "USAGE_TYPE")) == before
        (done,) = again.post("cost", {"deliver": True})["delivered"]
        assert done["Status"] == "DELIVERY_SUCCESS"
        listed = again.client("bcm-data-exports").list_executions(ExportArn=arn)["Executions"]
        assert [row["ExecutionId"] for row in listed] == [done["ExecutionId"]]
        rows, times = exported(again, "cur2")
        assert set(times.values()) == {1}
        billed = defaultdict(Decimal)
        principals = set()
        for row in rows:
            billed[row["line_item_usage_type"],] += Decimal(row["line_item_unblended_cost"])
            principals.add(row["line_item_iam_principal"])
        assert dict(billed) == before
        assert {arn.rpartition("/")[2] for arn in principals} == {"tenant-acme", "tenant-globex"}
        claude = [row for row in rows if row["bill_billing_entity"] == "AWS Marketplace"]
        assert {json.loads(row["product"])["product_name"] for row in claude} == {
            "Claude Sonnet 4.6 (Amazon Bedrock Edition)"
        }
        again.post("cost", {"duplicate_rows": True, "duplicate_files": True,
                            "late": {"tenant": "globex"}, "drift": {"percent": "10", "model": NOVA},
                            "deliver": True})  # fmt: skip
        rows, times = exported(again, "cur2")
        assert set(times.values()) == {4}
        assert not any("globex" in row["line_item_iam_principal"] for row in rows)
        once = {row["identity_line_item_id"]: row for row in rows}.values()
        types = {"GroupBy": [{"Type": "DIMENSION", "Key": "USAGE_TYPE"}]}
        told = asked(again, Metrics=["UsageQuantity"], **types)["ResultsByTime"][0]["Groups"]
        amounts = {g["Keys"][0]: Decimal(g["Metrics"]["UsageQuantity"]["Amount"]) for g in told}
        drifted = defaultdict(Decimal)
        for row in once:
            drifted[row["line_item_usage_type"]] += Decimal(row["line_item_usage_amount"])
        assert drifted == amounts
        again.post("cost", {"clock": "2027-01-31T12:00:00+00:00"})
        again.client("bedrock-runtime").converse(modelId=NOVA, messages=[user("next year")])
        period = {"Start": "2027-01-01", "End": "2027-02-01"}
        later = asked(again, TimePeriod=period, Granularity="MONTHLY")["ResultsByTime"]
        assert [Decimal(r["Total"]["UnblendedCost"]["Amount"]) > 0 for r in later] == [True]
    finally:
        again.stop()


def test_an_export_is_read_changed_and_deleted(own):
    exports = own.client("bcm-data-exports")
    arn = export(own, "cur2")
    told = exports.get_export(ExportArn=arn)
    assert told["ExportStatus"]["StatusCode"] == "HEALTHY"
    wanted = {**told["Export"], "Description": "For the tenants' bills"}
    exports.update_export(ExportArn=arn, Export=wanted)
    assert exports.get_export(ExportArn=arn)["Export"] == wanted
    with pytest.raises(exports.exceptions.ValidationException, match="name"):
        exports.update_export(ExportArn=arn, Export={**wanted, "Name": "another"})
    exports.delete_export(ExportArn=arn)
    assert exports.list_exports()["Exports"] == []
    for number in range(5):
        export(own, f"cur2-{number}")
    with pytest.raises(exports.exceptions.ServiceQuotaExceededException):
        export(own, "one-too-many")
    with pytest.raises(exports.exceptions.ResourceNotFoundException):
        exports.get_export(ExportArn=arn)


def test_aws_charges_what_the_products_rate_card_says():
    stored = "amazon.s3"  # kept bytes are no call, and the local bill is made of calls
    ours = json.loads(Path(ROOT, "localaws/data/rate_card.json").read_text())
    theirs = json.loads(Path(ROOT, "billing/data/rate_card.json").read_text())
    assert ours == [row for row in theirs if row["model"] != stored]


def test_what_a_knowledge_base_embeds_is_its_own_roles_use_of_the_model(own):
    base = Base(own, "billed", managed=True)
    base.put({"hotel": "The hotel limit per night is GBP 190."})
    base.found("How much may a night cost?")
    calls = {call["operation"]: call["usage"]["inputTokens"] for call in own.requests()}
    assert set(calls) == {"IngestKnowledgeBaseDocuments", "Retrieve"} and all(calls.values())
    export(own, "cur2")
    own.post("cost", {"deliver": True})
    rows = exported(own, "cur2")[0]
    [row] = [each for each in rows if "Embeddings" in each["line_item_usage_type"]]
    assert Decimal(row["line_item_usage_amount"]) * 1000 == sum(calls.values())
    assert Decimal(row["line_item_unblended_cost"]) > 0
    assert row["line_item_resource_id"].endswith("foundation-model/amazon.titan-embed-text-v2:0")
    assert ":assumed-role/kb/" in row["line_item_iam_principal"]
    assert json.loads(row["tags"]) == {}
