"""Interventions over time, by policy, and the latest ones: never the text itself."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.db.models import Sum
from django.db.models.functions import TruncDate
from django.utils.translation import gettext_lazy as _

from bedrock.bench import FEATURE
from bedrock.models import Intervention
from billing.clock import database_now
from tenants.context import current

DAYS: Final = 30
LATEST: Final = 50
POLICIES: Final = {
    "content": _("Harmful content"),
    "attack": _("Prompt attacks"),
    "topic": _("Denied topics"),
    "word": _("Blocked words"),
    "pii": _("Personal data"),
    "regex": _("Patterns"),
    "grounding": _("Grounding"),
}


def _rows() -> Any:
    return Intervention.objects.filter(tenant_id=current().id).exclude(feature=FEATURE)


def interventions_by_day(days: int = DAYS) -> list[dict[str, Any]]:
    """Return each of the last days (UTC), oldest first: `date`, `total`, `blocked`, `masked`, and
    `policies` with a count each. What was tried on the bench is no part of it.
    """
    today: date = database_now().date()
    first = today - timedelta(days=days - 1)
    found = {
        first + timedelta(days=each): {"total": 0, "blocked": 0, "masked": 0, "policies": {}}
        for each in range(days)
    }
    counted = (
        _rows()
        .filter(created_at__gte=datetime.combine(first, time(), UTC))
        .annotate(day=TruncDate("created_at"))
        .values("day", "policy", "action")
        .annotate(times=Sum("count"))
        .order_by("day", "policy")
    )
    for row in counted:
        each: dict[str, Any] = found[row["day"]]
        each["total"] += row["times"]
        each[row["action"]] = each.get(row["action"], 0) + row["times"]
        named = str(POLICIES.get(row["policy"], row["policy"]))
        each["policies"][named] = each["policies"].get(named, 0) + row["times"]
    return [{"date": day, **told} for day, told in found.items()]


def interventions_latest() -> list[Intervention]:
    """Return the latest ones, newest first."""
    return list(_rows().order_by("-created_at")[:LATEST])
