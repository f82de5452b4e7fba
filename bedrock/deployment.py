"""What names this deployment's resources, where several share an AWS account."""

import re
from typing import Final

from django.conf import settings

LOG_PREFIX: Final = "invocation-logs"
RAW_LOG_DAYS: Final = 7
UNASSIGNED_PREFIX: Final = "invocation-unassigned"
"""Contents of logged calls that no tenant's session signed."""

COSTS_PREFIX: Final = "cost-exports"
BILLING_REGION: Final = "us-east-1"
"""Where AWS's billing services are; its exports are written to the bucket of this Region."""


def export_name() -> str:
    """Return the name of the deployment's cost export."""
    return f"{resource_prefix()}-costs"


def resource_prefix() -> str:
    """Return the first part of every name, from the bucket prefix, which is the account's own."""
    return re.sub(r"[^0-9A-Za-z-]", "-", settings.AWS_BUCKET_PREFIX)[:24].strip("-")


def account_id() -> str:
    """Return the AWS account, as the tenants' role names it."""
    return str(settings.AWS_TENANT_ROLE_ARN.split(":")[4])
