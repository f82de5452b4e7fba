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
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

import structlog

from bedrock.costlines import (
    MODEL_TAG,
    PRINCIPAL_TAG,
    TENANT_TAG,
    KnownResources,
    columns_of,
    tenant_named,
)
from bedrock.deployment import BILLING_REGION, COSTS_PREFIX, export_name
from bedrock.findings import finding_record, findings_resolve
from bedrock.logrecords import BrokenFile, lines_of
from bedrock.models import InferenceProfile, LogFinding, Model
from bedrock.usagetypes import quantity_of, unit_of
from billing.awscosts import CostLine, days_replace, delivery_known, period_replace
from billing.units import GUARDRAIL_KEY, Unit
from tenants.aws import BotoCoreError, ClientError, ops_client, translated
from tenants.deployment_objects import Listed, deployment_object_open, deployment_objects
from tenants.objects import bucket

log = structlog.get_logger(__name__)

ALLOCATION_TAGS: Final = (TENANT_TAG, MODEL_TAG, "Tier", PRINCIPAL_TAG)
EXPLORER_DAYS: Final = 3
Reader = Callable[[], Iterator[CostLine]]
PERIOD: Final = re.compile(r"/metadata/BILLING_PERIOD=(\d{4})-(\d{2})/.*Manifest\.json$")


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
            findings_resolve([listed.key], LogFinding.Kind.BROKEN_FILE)
            taken += 1
    return taken


def _period_read(period: date, listed: Listed) -> None:
    manifest = _manifest(listed.key)
    known = KnownResources.load()
    period_replace(
        period=period,
        execution_id=str(manifest.get("executionId", ""))[:80],
        manifest_key=listed.key,
        etag=listed.etag,
        files=_files(manifest, known),
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
    if not isinstance(found, dict) or not isinstance(found.get("dataFiles"), list):
        raise BrokenDelivery("the manifest names no data files")
    return found


def _files(manifest: Mapping[str, Any], known: KnownResources) -> Iterator[tuple[str, Reader]]:
    for path in manifest["dataFiles"]:
        yield str(path), partial(_file_lines, str(path), known)


def _file_lines(path: str, known: KnownResources) -> Iterator[CostLine]:
    """Read one data file line by line. Raises BrokenDelivery, BrokenFile."""
    stream = deployment_object_open(
        BILLING_REGION, path.removeprefix(f"s3://{bucket(BILLING_REGION)}/")
    )
    if stream is None:
        raise BrokenDelivery(f"{path} is missing")
    with closing(stream):
        rows = csv.reader(line.decode() + "\n" for line in lines_of(stream))
        try:
            columns = columns_of(next(rows, []))
            for row in rows:
                line = known.line_of(columns(row))
                if line is not None:
                    yield line
        except (LookupError, ValueError, ArithmeticError, csv.Error) as error:
            raise BrokenDelivery(
                f"{path}, line {rows.line_num}: {type(error).__name__} {error}"
            ) from None


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
    tenant, by = tenant_named(tag)
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
