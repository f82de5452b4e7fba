"""What the readers of AWS's logs and reports found odd: one row a subject, for staff to look at."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import structlog
from django.db.models.functions import Now

from bedrock.models import LogFinding

log = structlog.get_logger(__name__)


def finding_record(
    kind: LogFinding.Kind,
    subject: str,
    *,
    region: str,
    tenant_id: UUID | None = None,
    request_id: UUID | None = None,
    resolved: bool = False,
    **detail: Any,
) -> None:
    """Note a finding once; `resolved` where it was put right at once."""
    _, made = LogFinding.objects.get_or_create(
        kind=kind,
        subject=subject,
        defaults={
            "region": region,
            "tenant_id": tenant_id,
            "request_id": request_id,
            "detail": detail,
            "resolved_at": Now() if resolved else None,
        },
    )
    if made:
        log.warning("logs.finding", kind=kind.value, subject=subject, region=region)


def findings_resolve(subjects: Iterable[str], *kinds: LogFinding.Kind) -> None:
    """Close the findings of these subjects whose cause is gone, in one statement."""
    LogFinding.objects.filter(kind__in=kinds, subject__in=list(subjects), resolved_at=None).update(
        resolved_at=Now()
    )
