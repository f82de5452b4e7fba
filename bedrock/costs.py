"""AWS's own bill, read for each tenant, model and day, and handed to billing.

The CUR 2.0 export is the truth, hour by hour, with who signed each call; Cost Explorer says nearly
the same some hours earlier, by tag alone. Claude and Cohere are sold through AWS Marketplace under
products of their own, so that nothing here goes by the name of a service: who signed, the profile's
tags, and the usage type decide.
https://docs.aws.amazon.com/bedrock/latest/userguide/cost-mgmt-iam-principal-tracking.html
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

import structlog

from bedrock.deployment import BILLING_REGION, COSTS_PREFIX, export_name
from bedrock.findings import finding_record
from bedrock.logrecords import SESSION, BrokenFile, lines_of
from bedrock.models import InferenceProfile, LogFinding, Model, PolicyDecision
from bedrock.usagetypes import quantity_of, unit_of
from billing.awscosts import CostLine, days_replace, delivery_known, period_replace
from billing.units import GUARDRAIL_KEY, Unit
from tenants.aws import BotoCoreError, ClientError, ops_client, translated
from tenants.deployment_objects import Listed, deployment_object_open, deployment_objects
from tenants.objects import bucket

log = structlog.get_logger(__name__)

TENANT_TAG: Final = "TenantId"
MODEL_TAG: Final = "Model"
PRINCIPAL_TAG: Final = f"iamPrincipal/{TENANT_TAG}"
ALLOCATION_TAGS: Final = (TENANT_TAG, MODEL_TAG, "Tier", PRINCIPAL_TAG)
EXPLORER_DAYS: Final = 3
PERIOD: Final = re.compile(r"/metadata/BILLING_PERIOD=(\d{4})-(\d{2})/.*Manifest\.json$")
PRODUCT: Final = "(Amazon Bedrock Edition)"


class BrokenDelivery(Exception):
    """A delivery cannot be read as it is; the next one may."""


# The CUR 2.0 export ---------------------------------------------------------------------------


def cur_read() -> int:
    """Take every billing period's newest delivery in, in the scope of `ops`; return how many.

    A delivery that is known is left alone, one that cannot be read leaves the period as it was.
    """
    newest: dict[date, Listed] = {}
    for listed in deployment_objects(BILLING_REGION, f"{COSTS_PREFIX}/{export_name()}/metadata/"):
        if found := PERIOD.search(listed.key):
            newest[date(int(found[1]), int(found[2]), 1)] = listed  # keys come in their order
    taken = 0
    for period, listed in sorted(newest.items()):
        if delivery_known(period, listed.etag):
            continue
        try:
            _period_read(period, listed)
        except (BrokenDelivery, BrokenFile) as broken:
            finding_record(
                LogFinding.Kind.BROKEN_FILE, listed.key, region=BILLING_REGION, why=str(broken)
            )
        else:
            taken += 1
    return taken


def _period_read(period: date, listed: Listed) -> None:
    manifest = _manifest(listed.key)
    known = _Known.load()
    period_replace(
        period=period,
        execution_id=str(manifest.get("executionId", ""))[:80],
        manifest_key=listed.key,
        etag=listed.etag,
        lines=_lines(manifest, known),
    )
    for arn in sorted(known.strange):
        finding_record(LogFinding.Kind.UNKNOWN_RESOURCE, arn, region=BILLING_REGION)


def _manifest(key: str) -> dict[str, Any]:
    stream = deployment_object_open(BILLING_REGION, key)
    if stream is None:
        raise BrokenDelivery("the manifest is gone")
    with closing(stream):
        try:
            found: dict[str, Any] = json.loads(stream.read())
        except ValueError:
            raise BrokenDelivery("the manifest is not JSON") from None
    return found


def _lines(manifest: Mapping[str, Any], known: "_Known") -> Iterator[CostLine]:
    root = f"s3://{bucket(BILLING_REGION)}/"
    for path in manifest["dataFiles"]:
        stream = deployment_object_open(BILLING_REGION, str(path).removeprefix(root))
        if stream is None:
            raise BrokenDelivery(f"{path} is missing")
        with closing(stream):
            text = (line.decode() + "\n" for line in lines_of(stream))
            for row in csv.DictReader(text):
                try:
                    line = known.line_of(row)
                except (KeyError, ValueError, InvalidOperation) as error:
                    raise BrokenDelivery(f"{path}: {type(error).__name__} {error}") from None
                if line is not None:
                    yield line


@dataclass(slots=True)
class _Known:
    """What the product knows of the resources that a bill names."""

    models: Mapping[str, bool]  # id, whether it embeds
    profiles: dict[str, str]  # ARN, model
    strange: set[str] = field(default_factory=set)

    @classmethod
    def load(cls) -> "_Known":
        rows = InferenceProfile.objects.values_list("arn", "model_id")
        return cls({row.model_id: row.max_output == 0 for row in Model.objects.all()}, dict(rows))

    def line_of(self, row: Mapping[str, str]) -> CostLine | None:
        """Read one line of an export; None for what is no use of Bedrock."""
        usage_type, resource = row["line_item_usage_type"], row["line_item_resource_id"]
        principal = row["line_item_iam_principal"]
        product = str(json.loads(row["product"] or "{}").get("product_name", ""))
        if not (
            row["line_item_product_code"] == "AmazonBedrock"
            or PRODUCT in product
            or resource.startswith("arn:aws:bedrock:")
        ):
            return None
        resource_tags = _plain(json.loads(row["resource_tags"] or "{}"))
        tenant, by = _tenant(principal, json.loads(row["tags"] or "{}"), resource_tags)
        model = self._model(resource, usage_type, resource_tags)
        unit = unit_of(usage_type, embeds=self.models.get(model, False))
        return CostLine(
            line=f"{row['identity_line_item_id']} {row['identity_time_interval']}",
            day=date.fromisoformat(row["line_item_usage_start_date"][:10]),
            tenant_id=tenant,
            attributed_by=by,
            region=row["product_region_code"][:20],
            model=model,
            usage_type=usage_type[:150],
            unit=unit.value if unit else "",
            quantity=quantity_of(
                Decimal(row["line_item_usage_amount"]),
                unit,
                counted_in=row["pricing_unit"],
                usage_type=usage_type,
            ),
            usd=Decimal(row["line_item_unblended_cost"]),
            entity=row["bill_billing_entity"][:20],
        )

    def _model(self, resource: str, usage_type: str, tags: Mapping[str, str]) -> str:
        """Return the model behind a resource; an ARN that nobody knows is a finding."""
        if "-Guardrail-" in usage_type:
            return GUARDRAIL_KEY
        kind, _, name = resource.rpartition(":")[2].partition("/")
        if kind in ("foundation-model", "inference-profile"):
            base = re.sub(r"^(us|eu|apac|jp|au|global)\.", "", name)
            return base[:120]
        if not resource:
            return ""
        if resource not in self.profiles:
            found = (
                PolicyDecision.objects.filter(profile_arn=resource)
                .values_list("model_id", flat=True)
                .first()
            )
            self.profiles[resource] = found or tags.get("usermodel", "")
            if not self.profiles[resource]:
                self.strange.add(resource)
        return self.profiles[resource]


def _plain(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags by letters alone: the export writes `TenantId` as `user_tenant_id`."""
    return {re.sub(r"[^a-z0-9]", "", key.lower()): value for key, value in tags.items()}


def _tenant(
    principal: str, tags: Mapping[str, str], resource_tags: Mapping[str, str]
) -> tuple[UUID | None, str]:
    """Return whose a line is, and by what: who signed counts before any tag."""
    if found := SESSION.search(principal):
        return UUID(found[1]), "principal"
    tag, profile_tag = tags.get(PRINCIPAL_TAG), resource_tags.get("usertenantid")
    for named, by in ((tag, "principal"), (profile_tag, "tag")):
        try:
            if named:
                return UUID(named), by
        except ValueError:
            continue
    return None, ""


# Cost Explorer --------------------------------------------------------------------------------


def explorer_read(*, days: int = EXPLORER_DAYS, today: date | None = None) -> int:
    """Take the last days from Cost Explorer, in the scope of `ops`; return the lines.

    Each request costs a cent, so there is one for each model in use and one for the rest. Raises
    AwsError; an account without data yet gives nothing.
    """
    end = (today or datetime.now(UTC).date()) + timedelta(days=1)
    start = end - timedelta(days=days)
    models = {row.model_id: row.max_output == 0 for row in Model.objects.all()}
    used = sorted(set(InferenceProfile.objects.values_list("model_id", flat=True)))
    lines: list[CostLine] = []
    estimated: set[date] = set()
    try:
        for model in used:
            only = {"Tags": {"Key": MODEL_TAG, "Values": [model]}}
            lines += _explored(start, end, only, model, models.get(model, False), estimated)
        rest = {"Not": {"Tags": {"Key": MODEL_TAG, "Values": used}}}
        lines += _explored(start, end, rest, "", False, estimated)
    except ClientError as error:
        if error.response["Error"]["Code"] == "DataUnavailableException":
            return 0
        raise translated(error) from error
    except BotoCoreError as error:
        raise translated(error) from error
    days_replace(start=start, end=end, lines=lines, estimated=frozenset(estimated))
    return len(lines)


def _explored(
    start: date, end: date, wanted: Any, model: str, embeds: bool, estimated: set[date]
) -> Iterator[CostLine]:
    explorer: Any = ops_client("ce", BILLING_REGION)
    asked: dict[str, Any] = {
        "TimePeriod": {"Start": start.isoformat(), "End": end.isoformat()},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost", "UsageQuantity"],
        "GroupBy": [
            {"Type": "TAG", "Key": PRINCIPAL_TAG},
            {"Type": "DIMENSION", "Key": "USAGE_TYPE"},
        ],
        "Filter": wanted,
    }
    while True:
        page = explorer.get_cost_and_usage(**asked)
        for result in page["ResultsByTime"]:
            day = date.fromisoformat(result["TimePeriod"]["Start"])
            if result.get("Estimated"):
                estimated.add(day)
            for group in result["Groups"]:
                tag, usage_type = group["Keys"]
                line = _explored_line(
                    day, tag.partition("$")[2], usage_type, group["Metrics"], model, embeds
                )
                if line is not None:
                    yield line
        if not page.get("NextPageToken"):
            return
        asked["NextPageToken"] = page["NextPageToken"]


def _explored_line(
    day: date, tag: str, usage_type: str, metrics: Any, model: str, embeds: bool
) -> CostLine | None:
    unit: Unit | None = unit_of(usage_type, embeds=embeds)
    if unit is None and not model:
        return None  # another service's
    tenant, by = _tenant("", {PRINCIPAL_TAG: tag}, {})
    usage = metrics["UsageQuantity"]
    guarded = "-Guardrail-" in usage_type
    return CostLine(
        line="",
        day=day,
        tenant_id=tenant,
        attributed_by=by,
        region="",
        model=GUARDRAIL_KEY if guarded else model,
        usage_type=usage_type[:150],
        unit=unit.value if unit else "",
        quantity=quantity_of(
            Decimal(usage["Amount"]), unit, counted_in=usage["Unit"], usage_type=usage_type
        ),
        usd=Decimal(metrics["UnblendedCost"]["Amount"]),
        entity="AWS Marketplace" if "-MP:" in usage_type else "AWS",
    )
