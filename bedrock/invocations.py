"""The invocation log's round: read, match, look for what is missing, let go what is over.

AWS writes one log for an account and Region, with every tenant's prompts in it. The round empties
it: records go into the database, contents under each tenant's own prefix for as long as its plan
keeps them, raw files are deleted. A lifecycle rule of the bucket does the same after a week, should
the reader stand still (`bedrock/provisioning.py`).
"""

import re
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Final

import structlog
from django.utils import timezone

from bedrock.logmatching import region_match, unlogged_find
from bedrock.logreading import COPIES, region_read
from bedrock.models import LogFinding, LoggedCall, LogObject, Tier
from tenants.aws import AwsError, BotoCoreError, translated
from tenants.context import TenantContext, entered
from tenants.lifecycle.holding import data_policy_of
from tenants.objects import objects_delete, objects_list
from tenants.registry.models import Status, Tenant

log = structlog.get_logger(__name__)

ROWS_KEPT: Final = timedelta(days=100)
FILES_KEPT: Final = timedelta(days=30)
LOGS: Final = "logs"  # the kind of data in a workspace's policy
MOST_DAYS: Final = 30  # where a plan does not say
DAY: Final = re.compile(rf"{COPIES}/(\d{{4}})/(\d{{2}})/(\d{{2}})/")


def logged_regions() -> list[str]:
    """Return the Regions whose logs are read: those of tenants, living or not."""
    return sorted(set(Tenant.objects.values_list("region", flat=True)))


def logs_read() -> None:
    """Read and match every Region's log, in the scope of `ops`; one that fails holds up no other.

    What failed is tried again by the next round.
    """
    for region in logged_regions():
        try:
            read = region_read(region)
        except AwsError as error:
            log.warning("logs.unread", region=region, aws_code=error.aws_code)
        except BotoCoreError as error:  # the connection broke in the middle of a file
            translated(error)
        else:
            if read.files:
                log.info("logs.read", region=region, files=read.files, records=read.records)
        region_match(region)


def logs_check() -> None:
    """Look in every Region for calls that were never logged, in the scope of `ops`."""
    for region in logged_regions():
        unlogged_find(region)


def copies_expire() -> int:
    """Delete the contents of calls whose retention is over, in the scope of `ops`.

    Returns how many objects went. Each tenant's are deleted with its own credentials.
    """
    tenants = [row.context for row in Tenant.objects.exclude(status=Status.DELETED)]
    gone = 0
    for tenant in tenants:
        policy = data_policy_of(tenant.id)
        if policy.hold:
            continue
        days = min(int(policy.days.get(LOGS, MOST_DAYS)), log_days(tenant))
        try:
            with entered(tenant):
                gone += copies_retire(tenant, datetime.now(UTC) - timedelta(days=days))
        except AwsError as error:
            log.warning("logs.unexpired", tenant_id=str(tenant.id), aws_code=error.aws_code)
    return gone


def log_days(tenant: TenantContext) -> int:
    """Return how long the tenant's plan keeps logged calls, in days."""
    row = Tier.objects.filter(plan=tenant.plan).first()
    return row.log_days if row else MOST_DAYS


def _over(before: datetime) -> list[str]:
    """Return the entered tenant's copies of earlier days.

    Keys are in the order of their days: the first that stays ends the list.
    """
    oldest = f"{before:%Y%m%d}"
    return list(takewhile(lambda key: _day(key) < oldest, objects_list(COPIES)))


def copies_over(_tenant: TenantContext, before: datetime) -> int:
    """Return how many files of the entered tenant's logged calls would go."""
    return len(_over(before))


def copies_retire(_tenant: TenantContext, before: datetime) -> int:
    """Delete the files of the entered tenant's logged calls that are over; return how many."""
    over = _over(before)
    objects_delete(over)
    return len(over)


def _day(key: str) -> str:
    found = DAY.match(key)
    return "".join(found.groups()) if found else "99999999"


def rows_purge() -> None:
    """Delete rows that say nothing any more, in the scope of `ops`."""
    now = timezone.now()
    LoggedCall.objects.filter(at__lt=now - ROWS_KEPT).delete()
    LogFinding.objects.filter(resolved_at__lt=now - ROWS_KEPT).delete()
    LogObject.objects.filter(first_seen__lt=now - FILES_KEPT).delete()
