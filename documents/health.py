"""Documents on their way and those that stand still, for staff; numbers alone."""

from datetime import timedelta
from typing import Final

from django.utils import timezone

from documents.models import IN_FLIGHT, Document, Status
from documents.reembedding import reembedding
from tenants.lifecycle.health import FINE, LOOK, Finding

STILL: Final = timedelta(minutes=15)


def queue_probe() -> Finding:
    """How many are on their way, how many of them stand still, how many failed in a day."""
    now = timezone.now()
    waiting = Document.objects.filter(status__in=IN_FLIGHT)
    count, still = waiting.count(), waiting.filter(updated_at__lt=now - STILL).count()
    failed = Document.objects.filter(
        status=Status.FAILED, updated_at__gte=now - timedelta(days=1)
    ).count()
    told = f"{count} on their way, {still} standing still; {failed} failed in 24 hours."
    if anew := reembedding().count():
        told += f" {anew} are found by their words alone until they have been embedded anew."
    return Finding(count, told, LOOK if still else FINE)
