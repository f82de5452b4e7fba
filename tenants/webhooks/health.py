"""Whether the workspace's webhooks reach their programs, for staff."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from tenants.lifecycle.health import FINE, LOOK, Finding
from tenants.webhooks.models import Delivery, Endpoint


def webhooks_probe() -> Finding:
    """Endpoints that fail or were switched off, and deliveries given up in a day."""
    failing = Endpoint.objects.filter(Q(failing_since__isnull=False) | ~Q(disabled_why="")).count()
    since = timezone.now() - timedelta(days=1)
    given_up = Delivery.objects.filter(state=Delivery.State.FAILED, ended_at__gte=since).count()
    if not failing and not given_up:
        return Finding(0, "All are taken.")
    told = f"{failing} failing or switched off; deliveries given up in 24 hours: {given_up}."
    return Finding(failing + given_up, told, LOOK if failing else FINE)
