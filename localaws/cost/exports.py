"""Data Exports: CUR 2.0 as gzip CSV with a manifest, delivered to the export's bucket.

https://docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html. An export is
delivered about every hour and whenever `/_localaws/cost` is asked to. Parquet is not offered.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from localaws.cost.book import PRINCIPAL, Book
from localaws.cost.drift import Injected
from localaws.cost.lines import Line, lines
from localaws.errors import AwsError, invalid
from localaws.objects import ObjectStore
from localaws.state import JsonStore
from localaws.wire import Json, Request

ROWS_A_FILE = 50_000
_TABLE = "COST_AND_USAGE_REPORT"
_SETTINGS = {
    "TIME_GRANULARITY": ("HOURLY", "DAILY", "MONTHLY"),
    "INCLUDE_RESOURCES": ("TRUE", "FALSE"),
    "INCLUDE_IAM_PRINCIPAL_DATA": ("TRUE", "FALSE"),
    "INCLUDE_SPLIT_COST_ALLOCATION_DATA": ("FALSE",),
}
_COLUMNS = {
    "identity_line_item_id", "identity_time_interval", "bill_payer_account_id",
    "bill_billing_entity", "bill_bill_type", "bill_billing_period_start_date",
    "bill_billing_period_end_date", "line_item_usage_account_id", "line_item_line_item_type",
    "line_item_usage_start_date", "line_item_usage_end_date", "line_item_product_code",
    "line_item_usage_type", "line_item_operation", "line_item_line_item_description",
    "line_item_resource_id", "line_item_iam_principal", "line_item_usage_amount",
    "line_item_unblended_rate", "line_item_unblended_cost", "line_item_currency_code",
    "pricing_unit", "product", "product_region_code", "resource_tags", "tags",
}  # fmt: skip
_NEEDS = {
    "line_item_resource_id": "INCLUDE_RESOURCES",
    "line_item_iam_principal": "INCLUDE_IAM_PRINCIPAL_DATA",
    "tags": "INCLUDE_IAM_PRINCIPAL_DATA",
}
_REGION = "us-east-1"  # billing has one


class DataExports:
    """Exports by account, with the executions of each."""

    def __init__(
        self, store: JsonStore, book: Book, injected: Injected, objects: ObjectStore
    ) -> None:
        self._store = store
        self._book = book
        self._injected = injected
        self._objects = objects

    # The operations -------------------------------------------------------------------------

    def create(self, request: Request, params: Json) -> Json:
        """CreateExport."""
        export = params["Export"]
        self._check(export)
        account = request.caller.account
        with self._store.lock:
            exports = self._exports(account)
            if any(row["Export"]["Name"] == export["Name"] for row in exports.values()):
                raise invalid(f"The account has an export named {export['Name']} already.")
            if len(exports) >= 5:
                raise AwsError(
                    "ServiceQuotaExceededException",
                    "The account has its 5 exports.",
                    QuotaCode="exports",  # AWS publishes none for it
                    ServiceCode="bcm-data-exports",
                )
            name = f"{export['Name']}-{uuid.uuid4()}"
            arn = f"arn:aws:bcm-data-exports:{_REGION}:{account}:export/{name}"
            moment = datetime.now(UTC).timestamp()
            exports[arn] = {
                "Export": {**export, "ExportArn": arn},
                "created": moment,
                "updated": moment,
                "executions": [],
            }
            self._save(account)
        return {"ExportArn": arn}

    def get(self, request: Request, params: Json) -> Json:
        """GetExport."""
        row = self._row(request, params["ExportArn"])
        return {"Export": row["Export"], "ExportStatus": _status(row)}

    def list(self, request: Request, params: Json) -> Json:
        """ListExports, all at once: an account has at most five."""
        return {
            "Exports": [
                {
                    "ExportArn": arn,
                    "ExportName": row["Export"]["Name"],
                    "ExportStatus": _status(row),
                }
                for arn, row in self._exports(request.caller.account).items()
            ]
        }

    def update(self, request: Request, params: Json) -> Json:
        """UpdateExport, whole; the name stays."""
        self._check(params["Export"])
        with self._store.lock:
            row = self._row(request, params["ExportArn"])
            if params["Export"]["Name"] != row["Export"]["Name"]:
                raise invalid("An export's name cannot be changed.")
            row["Export"] = {**params["Export"], "ExportArn": params["ExportArn"]}
            row["updated"] = datetime.now(UTC).timestamp()
            self._save(request.caller.account)
        return {"ExportArn": params["ExportArn"]}

    def delete(self, request: Request, params: Json) -> Json:
        """DeleteExport; what was delivered stays."""
        with self._store.lock:
            self._row(request, params["ExportArn"])
            del self._exports(request.caller.account)[params["ExportArn"]]
            self._save(request.caller.account)
        return {"ExportArn": params["ExportArn"]}

    def executions(self, request: Request, params: Json) -> Json:
        """ListExecutions, the newest first."""
        row = self._row(request, params["ExportArn"])
        size = int(params.get("MaxResults", 100))
        found = [
            {
                "ExecutionId": execution["id"],
                "ExecutionStatus": {
                    "StatusCode": execution["status"],
                    "CreatedAt": _iso(execution["at"]),
                    "CompletedAt": _iso(execution["at"]),
                    "LastUpdatedAt": _iso(execution["at"]),
                },
            }
            for execution in reversed(row["executions"])
        ]
        return {"Executions": found[:size]}

    def _exports(self, account: str) -> dict[str, Json]:
        return self._store.load("exports", account, _REGION)

    def _save(self, account: str) -> None:
        self._store.save("exports", account, _REGION)

    def _row(self, request: Request, arn: str) -> Json:
        row = self._exports(request.caller.account).get(arn)
        if row is None:
            raise AwsError(
                "ResourceNotFoundException",
                "The export does not exist.",
                status=400,
                ResourceId=arn,
                ResourceType="export",
            )
        return row

    def _check(self, export: Json) -> None:
        target = export["DestinationConfigurations"]["S3Destination"]
        output = target["S3OutputConfigurations"]
        if (output["Format"], output["Compression"]) != ("TEXT_OR_CSV", "GZIP"):
            raise invalid("The local AWS exports TEXT_OR_CSV with GZIP; it writes no Parquet.")
        if self._objects.bucket(target["S3Bucket"]) is None:
            raise invalid(f"The bucket {target['S3Bucket']} does not exist or cannot be written.")
        settings = _settings(export)
        for name in _columns(export):
            needed = _NEEDS.get(name)
            if needed and settings.get(needed) != "TRUE":
                raise invalid(f"The column {name} needs {needed}.")

    # Delivery -------------------------------------------------------------------------------

    def deliver(self) -> Sequence[Json]:
        """Deliver every export now: a file set and a manifest for each month with usage."""
        done = []
        for account, _ in self._store.places("exports"):
            for arn in list(self._exports(account)):
                with self._store.lock:
                    row = self._exports(account).get(arn)
                    if row is None:
                        continue
                    done.append(self._execute(account, arn, row))
                    self._save(account)
        return done

    def _execute(self, account: str, arn: str, row: Json) -> Json:
        moment = self._book.now()
        execution: Json = {"id": str(uuid.uuid4()), "at": moment.timestamp()}
        target = row["Export"]["DestinationConfigurations"]["S3Destination"]
        if self._objects.bucket(target["S3Bucket"]) is None:
            execution["status"] = "DELIVERY_FAILURE"
        else:
            hours = [found.hour for found in self._book.rows(account)]
            months = sorted({hour.date().replace(day=1) for hour in hours})
            for month in months:
                self._month(account, row["Export"], month, moment, execution["id"])
            execution["status"] = "DELIVERY_SUCCESS"
        row["executions"] = [*row["executions"], execution][-100:]
        return {"ExportArn": arn, "ExecutionId": execution["id"], "Status": execution["status"]}

    def _month(
        self, account: str, export: Json, month: date, moment: datetime, execution: str
    ) -> None:
        target = export["DestinationConfigurations"]["S3Destination"]
        root = "/".join(part for part in (target["S3Prefix"].strip("/"), export["Name"]) if part)
        folder = f"BILLING_PERIOD={month:%Y-%m}"
        if target["S3OutputConfigurations"]["Overwrite"] == "CREATE_NEW_REPORT":
            folder += f"/{moment:%Y%m%dT%H%M%S%fZ}-{execution}"
        names = _columns(export)
        following = (month + timedelta(days=32)).replace(day=1)
        several = _summed(
            lines(self._book, self._injected, account, month, following),
            _settings(export).get("TIME_GRANULARITY", "HOURLY"),
        )
        files = []
        for number, rows in enumerate(_parts(several, twice=self._injected.duplicate_rows), 1):
            content = _csv(names, rows, month, following)
            copies = ("", "-copy") if self._injected.duplicate_files else ("",)
            for copy in copies:
                key = f"{root}/data/{folder}/{export['Name']}-{number:05d}{copy}.csv.gz"
                self._objects.put(target["S3Bucket"], key, content, "application/gzip")
                files.append(f"s3://{target['S3Bucket']}/{key}")
        manifest = {
            "executionId": execution,
            "exportName": export["Name"],
            "exportArn": export["ExportArn"],
            "billingPeriod": f"{month:%Y-%m}",
            "createdAt": moment.isoformat(),
            "contentType": "text/csv",
            "compression": "GZIP",
            "columns": [{"name": name} for name in names],
            "dataFiles": files,
        }
        key = f"{root}/metadata/{folder}/{export['Name']}-Manifest.json"
        content = json.dumps(manifest, indent=1).encode()
        self._objects.put(target["S3Bucket"], key, content, "application/json")


def _status(row: Json) -> Json:
    status: Json = {
        "StatusCode": "HEALTHY",
        "CreatedAt": _iso(row["created"]),
        "LastUpdatedAt": _iso(row["updated"]),
    }
    if row["executions"]:
        status["LastRefreshedAt"] = _iso(row["executions"][-1]["at"])
    return status


def _settings(export: Json) -> dict[str, str]:
    tables = export["DataQuery"].get("TableConfigurations") or {}
    if set(tables) - {_TABLE}:
        raise invalid(f"The only table here is {_TABLE}.")
    settings: dict[str, str] = tables.get(_TABLE, {})
    for name, value in settings.items():
        if value not in _SETTINGS.get(name, ()):
            raise invalid(f"The table {_TABLE} has no setting {name} = {value} here.")
    return settings


def _columns(export: Json) -> list[str]:
    query = export["DataQuery"]["QueryStatement"]
    found = re.fullmatch(rf"\s*SELECT\s+(.+?)\s+FROM\s+{_TABLE}\s*;?\s*", query, re.I | re.S)
    names = [name.strip() for name in found[1].split(",")] if found else []
    if not names or set(names) - _COLUMNS:
        odd = sorted(set(names) - _COLUMNS)
        raise invalid(f"The query names columns of {_TABLE} and nothing else; not {odd}.")
    return names


def _summed(several: Iterator[Line], granularity: str) -> Iterator[Line]:
    """The lines, those of a day or a month added up where that is asked for."""
    if granularity == "HOURLY":
        yield from several
        return
    found: dict[str, Line] = {}
    for line in several:
        start = line.start.replace(hour=0)
        if granularity == "MONTHLY":
            start = start.replace(day=1)
        end = start + timedelta(days=1 if granularity == "DAILY" else 32)
        end = end if granularity == "DAILY" else end.replace(day=1)
        line = replace(line, start=start, end=end)
        name = line.identity()
        if before := found.get(name):
            line = replace(line, amount=line.amount + before.amount, cost=line.cost + before.cost)
        found[name] = line
    yield from found.values()


def _parts(several: Iterator[Line], *, twice: bool) -> Iterator[list[Line]]:
    part: list[Line] = []
    for line in several:
        part += [line, line] if twice else [line]
        if len(part) >= ROWS_A_FILE:
            yield part
            part = []
    if part:
        yield part


def _csv(names: list[str], rows: list[Line], month: date, following: date) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    for line in rows:
        values = _values(line, month, following)
        writer.writerow([values[name] for name in names])
    return gzip.compress(text.getvalue().encode(), 6)


def _values(line: Line, month: date, following: date) -> dict[str, str]:
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    begin, until = line.start.strftime(stamp), line.end.strftime(stamp)
    resource = {f"user_{_snake(k)}": v for k, v in line.tags if not k.startswith(PRINCIPAL)}
    return {
        "identity_line_item_id": line.identity(),
        "identity_time_interval": f"{begin}/{until}",
        "bill_payer_account_id": line.account,
        "bill_billing_entity": line.entity,
        "bill_bill_type": "Anniversary",
        "bill_billing_period_start_date": f"{month}T00:00:00Z",
        "bill_billing_period_end_date": f"{following}T00:00:00Z",
        "line_item_usage_account_id": line.account,
        "line_item_line_item_type": "Usage",
        "line_item_usage_start_date": begin,
        "line_item_usage_end_date": until,
        "line_item_product_code": line.product_code,
        "line_item_usage_type": line.usage_type,
        "line_item_operation": line.operation,
        "line_item_line_item_description": line.description,
        "line_item_resource_id": line.resource,
        "line_item_iam_principal": line.principal,
        "line_item_usage_amount": f"{line.amount.normalize():f}",
        "line_item_unblended_rate": f"{line.rate.normalize():f}",
        "line_item_unblended_cost": f"{line.cost.normalize():f}",
        "line_item_currency_code": "USD",
        "pricing_unit": line.pricing_unit,
        "product": json.dumps({"product_name": line.product_name, "region": line.region}),
        "product_region_code": line.region,
        "resource_tags": json.dumps(resource),
        "tags": json.dumps({k: v for k, v in line.tags if k.startswith(PRINCIPAL)}),
    }


def _snake(key: str) -> str:
    """A tag's key as the export writes it: `TenantId` is `tenant_id`."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower())


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
