"""What of the workspace's own resources in AWS drifted, and which calls fail, for staff."""

from datetime import timedelta
from typing import Final

from django.db.models import Count
from django.utils import timezone

from bedrock.models import FailedAttempt, Guardrail, InferenceProfile
from tenants.context import current
from tenants.lifecycle.health import FINE, LOOK, Finding

AS_IT_SHOULD_BE: Final = "as it should be"
MANY: Final = 10  # failed attempts of a day from which somebody should look


def drift_probe() -> Finding:
    """Its own guardrail and profiles that the last check did not find as they should be."""
    own = {"tenant_id": current().id}
    rows: list[Guardrail | InferenceProfile] = [
        *Guardrail.objects.filter(**own).exclude(state=AS_IT_SHOULD_BE),
        *InferenceProfile.objects.filter(**own, retired_at=None).exclude(state=AS_IT_SHOULD_BE),
    ]
    if not rows:
        return Finding(0, "None.")
    told = "; ".join(f"{row}: {row.state}" for row in rows[:5])
    return Finding(len(rows), f"{told}.", LOOK)


def errors_probe() -> Finding:
    """Attempts of a day that brought no answer, by what AWS said."""
    since = timezone.now() - timedelta(days=1)
    rows = (
        FailedAttempt.objects.filter(created_at__gte=since)
        .order_by()
        .values_list("aws_code")
        .annotate(n=Count("*"))
        .order_by("-n")[:5]
    )
    found = dict(rows)
    count = sum(found.values())
    told = ", ".join(f"{code} {n}" for code, n in found.items())
    return Finding(
        count, f"{told}." if told else "None in 24 hours.", LOOK if count >= MANY else FINE
    )
