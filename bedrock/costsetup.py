"""Have AWS bill in a way that tells tenants apart: the export, and the cost allocation tags.

A tag can be turned on only once AWS has seen it in use, and counts from then on, never backwards.
So this runs again and again; the export itself names who signed each call from its first hour.
https://docs.aws.amazon.com/bedrock/latest/userguide/cost-mgmt-iam-principal-tracking.html
"""

from typing import Any, Final

from bedrock.costs import ALLOCATION_TAGS
from bedrock.deployment import BILLING_REGION, COSTS_PREFIX, export_name
from tenants.aws import ops_client
from tenants.objects import bucket

COLUMNS: Final = (
    "identity_line_item_id",
    "identity_time_interval",
    "bill_billing_entity",
    "bill_billing_period_start_date",
    "line_item_line_item_type",
    "line_item_usage_account_id",
    "line_item_usage_start_date",
    "line_item_usage_end_date",
    "line_item_product_code",
    "line_item_usage_type",
    "line_item_operation",
    "line_item_line_item_description",
    "line_item_resource_id",
    "line_item_iam_principal",
    "line_item_usage_amount",
    "line_item_unblended_cost",
    "line_item_currency_code",
    "pricing_unit",
    "product",
    "product_region_code",
    "resource_tags",
    "tags",
)


def export_wanted() -> dict[str, Any]:
    """Return the export's definition: hourly, each delivery in a folder of its own."""
    return {
        "Name": export_name(),
        "DataQuery": {
            "QueryStatement": f"SELECT {', '.join(COLUMNS)} FROM COST_AND_USAGE_REPORT",  # noqa: S608 - constants
            "TableConfigurations": {
                "COST_AND_USAGE_REPORT": {
                    "TIME_GRANULARITY": "HOURLY",
                    "INCLUDE_RESOURCES": "TRUE",
                    "INCLUDE_IAM_PRINCIPAL_DATA": "TRUE",
                }
            },
        },
        "DestinationConfigurations": {
            "S3Destination": {
                "S3Bucket": bucket(BILLING_REGION),
                "S3Prefix": COSTS_PREFIX,
                "S3Region": BILLING_REGION,
                "S3OutputConfigurations": {
                    "OutputType": "CUSTOM",
                    "Format": "TEXT_OR_CSV",
                    "Compression": "GZIP",
                    "Overwrite": "CREATE_NEW_REPORT",
                },
            }
        },
        "RefreshCadence": {"Frequency": "SYNCHRONOUS"},
    }


def export_ensure() -> list[str]:
    """Make the export, or put it right; return what was done. Raises botocore's errors."""
    exports: Any = ops_client("bcm-data-exports", BILLING_REGION)
    wanted = export_wanted()
    for page in exports.get_paginator("list_exports").paginate():
        for row in page["Exports"]:
            if row["ExportName"] == wanted["Name"]:
                arn = row["ExportArn"]
                found = exports.get_export(ExportArn=arn)["Export"]
                if {key: found.get(key) for key in wanted} == wanted:
                    return []
                exports.update_export(ExportArn=arn, Export={**wanted, "ExportArn": arn})
                return [f"cost export {wanted['Name']} put right"]
    exports.create_export(Export=wanted)
    return [f"cost export {wanted['Name']}"]


def tags_ensure() -> list[str]:
    """Turn those of our cost allocation tags on that AWS has seen by now; return which."""
    explorer: Any = ops_client("ce", BILLING_REGION)
    listed = explorer.list_cost_allocation_tags(Status="Inactive", TagKeys=list(ALLOCATION_TAGS))
    keys = [row["TagKey"] for row in listed["CostAllocationTags"]]
    if not keys:
        return []
    answer = explorer.update_cost_allocation_tags_status(
        CostAllocationTagsStatus=[{"TagKey": key, "Status": "Active"} for key in keys]
    )
    refused = {row["TagKey"] for row in answer.get("Errors", [])}
    return [f"cost allocation tag {key}" for key in keys if key not in refused]
