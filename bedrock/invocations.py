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
from tenants.context import entered
from tenants.objects import objects_delete, objects_list
from tenants.registry.models import Status, Tenant

log = structlog.get_logger(__name__)

ROWS_KEPT: Final = timedelta(days=100)
FILES_KEPT: Final = timedelta(days=30)
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
    days = dict(Tier.objects.values_list("plan", "log_days"))
    today = datetime.now(UTC).date()
    tenants = [row.context for row in Tenant.objects.exclude(status=Status.DELETED)]
    gone = 0
    for tenant in tenants:
        oldest = today - timedelta(days=days.get(tenant.plan, 30))
        try:
            with entered(tenant):
                # Keys are in the order of their days: the first that stays ends the list.
                over = list(
                    takewhile(lambda key: _day(key) < f"{oldest:%Y%m%d}", objects_list(COPIES))  # noqa: B023 - used up before the next round
                )
                objects_delete(over)
        except AwsError as error:
            log.warning("logs.unexpired", tenant_id=str(tenant.id), aws_code=error.aws_code)
        else:
            gone += len(over)
    return gone


def _day(key: str) -> str:
    found = DAY.match(key)
    return "".join(found.groups()) if found else "99999999"


def rows_purge() -> None:
    """Delete rows that say nothing any more, in the scope of `ops`."""
    now = timezone.now()
    LoggedCall.objects.filter(at__lt=now - ROWS_KEPT).delete()
    LogFinding.objects.filter(resolved_at__lt=now - ROWS_KEPT).delete()
    LogObject.objects.filter(first_seen__lt=now - FILES_KEPT).delete()
