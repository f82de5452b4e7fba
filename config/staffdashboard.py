"""What staff see first: how the deployment stands, each figure with the page that it opens.

A fixed number of statements, whatever the number of workspaces, and no visit to any of their
schemas. A figure is there for those alone who may see the rows that it counts.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import redis
from django.db.models import Count, F, Max, Q, Sum
from django.http import HttpRequest
from django.utils import timezone

from bedrock.models import FailedAttempt, Intervention
from billing.models import MarginLine
from billing.money import money
from config.celery import app
from tenants.redis import redis_client
from tenants.registry.models import DeadTask, Offboarding, Onboarding, Status, Tenant, TenantHealth

QUEUES: Final = {
    "default": "workspaces' work",
    "provisioning": "making and removing",
    "ops": "books and logs",
}
DEAREST: Final = 8
LONG: Final = 100  # waiting messages from which a queue is marked
COST: Final = F("aws_usd") + F("guardrail_usd") + F("storage_usd")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number: what it is, where it leads, and whether somebody should look."""

    value: str
    told: str
    href: str = ""
    bad: bool = False


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the figures to the admin's first page; django-unfold calls it."""

    def may(right: str) -> bool:
        return bool(request.user.has_perm(right))

    figures: list[Figure] = []
    if may("registry.view_tenant"):
        figures += _workspaces()
    if may("billing.view_marginline"):
        figures += _money()
        context["dearest"] = _dearest()
    if may("bedrock.view_intervention"):
        figures += _interventions()
    if may("bedrock.view_failedattempt"):
        figures += _failed_calls()
    if may("registry.view_onboarding"):
        figures += _failed_steps()
    if may("registry.view_deadtask"):
        figures += _dead_tasks()
    if may("registry.view_tenant"):
        context["queues"] = _queues()
    context["figures"] = figures
    return context


def _workspaces() -> list[Figure]:
    rows = Tenant.objects.exclude(schema_name="public").values_list("status").annotate(n=Count("*"))
    found = dict(rows.order_by())
    other = sum(found.values()) - found.get(Status.ACTIVE, 0)
    href = "/admin/registry/tenant/"
    bad = TenantHealth.objects.filter(level__gt=0, tenant__status=Status.ACTIVE).count()
    return [
        Figure(
            f"{found.get(Status.ACTIVE, 0):,}", "active workspaces", f"{href}?status__exact=active"
        ),
        Figure(f"{bad:,}", "workspaces to look at", f"{href}?o=-8", bad=bad > 0),
        Figure(f"{other:,}", "suspended, being made or leaving", href),
    ]


def _money() -> list[Figure]:
    month = timezone.now().date().replace(day=1)
    whole = MarginLine.objects.filter(period=month).aggregate(
        revenue=Sum("revenue_usd"), cost=Sum(COST), at=Max("computed_at")
    )
    href = "/admin/billing/marginline/"
    if whole["at"] is None:
        return [Figure("–", "no spend or margin computed this month yet", href)]
    margin = whole["revenue"] - whole["cost"]
    return [
        Figure(
            money(whole["cost"]), f"spend this month, as of {whole['at']:%-d %b, %H:%M} UTC", href
        ),
        Figure(money(whole["revenue"]), "charged this month so far", href),
        Figure(money(margin), "margin", href, bad=margin < 0),
    ]


def _dearest() -> list[dict[str, Any]]:
    """Return the workspaces that cost most this month, with what is left of their charges."""
    month = timezone.now().date().replace(day=1)
    rows = (
        MarginLine.objects.filter(period=month)
        .order_by()
        .values("tenant_id", "plan")
        .annotate(cost=Sum(COST), revenue=Sum("revenue_usd"))
        .order_by("-cost")[:DEAREST]
    )
    found = list(rows)
    names = Tenant.objects.in_bulk([row["tenant_id"] for row in found])
    zero = Decimal(0)
    return [
        {
            "tenant": names.get(row["tenant_id"]),
            "id": row["tenant_id"],
            "plan": row["plan"],
            "cost": money(row["cost"]),
            "revenue": money(row["revenue"]),
            "loses": row["revenue"] - row["cost"] < zero,
        }
        for row in found
    ]


def _interventions() -> list[Figure]:
    since = timezone.now() - timedelta(hours=24)
    found = Intervention.objects.filter(created_at__gte=since).aggregate(
        blocked=Sum("count", filter=Q(action="blocked"), default=0),
        masked=Sum("count", filter=Q(action="masked"), default=0),
    )
    href = "/admin/bedrock/intervention/"
    return [
        Figure(f"{found['blocked']:,}", "blocked by guardrails in 24 hours", href),
        Figure(f"{found['masked']:,}", "masked in 24 hours", href),
    ]


def _failed_calls() -> list[Figure]:
    since = timezone.now() - timedelta(hours=24)
    failed = FailedAttempt.objects.filter(created_at__gte=since).count()
    return [
        Figure(f"{failed:,}", "failed model calls in 24 hours", "/admin/bedrock/failedattempt/")
    ]


def _failed_steps() -> list[Figure]:
    makings = Onboarding.objects.exclude(state=Onboarding.State.DONE).exclude(error="").count()
    leavings = Offboarding.objects.exclude(error="").exclude(finished_at__isnull=False).count()
    return [
        Figure(
            f"{makings}",
            "onboardings with an error",
            "/admin/registry/onboarding/",
            bad=makings > 0,
        ),
        Figure(
            f"{leavings}",
            "offboardings with an error",
            "/admin/registry/offboarding/",
            bad=leavings > 0,
        ),
    ]


def _dead_tasks() -> list[Figure]:
    count = DeadTask.objects.filter(state=DeadTask.State.OPEN).count()
    href = "/admin/registry/deadtask/?state__exact=open"
    return [Figure(f"{count:,}", "tasks that failed for good", href, bad=count > 0)]


def _queues() -> list[Figure]:
    """Return how many messages wait in each queue, and how many are held by workers."""
    prefix = app.conf.broker_transport_options["global_keyprefix"]
    try:
        with redis_client().pipeline(transaction=False) as asked:
            for queue in QUEUES:
                asked.llen(f"{prefix}{queue}")
            asked.hlen(f"{prefix}unacked")
            *waiting, held = asked.execute()
    except redis.RedisError:
        return [Figure("–", "Redis does not answer: no queue can be read", bad=True)]
    return [
        *(
            Figure(f"{count:,}", f"waiting: {told} ({queue})", bad=count >= LONG)
            for (queue, told), count in zip(QUEUES.items(), waiting, strict=True)
        ),
        Figure(f"{held:,}", "taken by workers, not finished"),
    ]
