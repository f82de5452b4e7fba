"""The registry's own upkeep, outside every tenant and under the owner's login."""

from typing import Any, Final

import structlog
from celery import shared_task
from django.utils import timezone

from tenants.context import public_scope
from tenants.lifecycle.erasing import erase
from tenants.registry.models import Offboarding

log = structlog.get_logger(__name__)


@shared_task(name="registry.erase_due")
def workspaces_erase_due() -> None:
    """Erase the workspaces whose waiting time is over, and go on with those that were cut off."""
    with public_scope("owner"):
        due = list(
            Offboarding.objects.filter(state=Offboarding.State.RUNNING)
            | Offboarding.objects.filter(
                state=Offboarding.State.WAITING, due_at__lte=timezone.now()
            )
        )
    for offboarding in due:
        try:
            for _ in erase(offboarding):
                pass
        except Exception:  # one that fails must not hold up the others; its row says why
            log.exception("tenants.erase_failed", tenant_id=str(offboarding.tenant_id))


BEAT: Final[dict[str, dict[str, Any]]] = {
    "registry.erase_due": {
        "task": "registry.erase_due",
        "schedule": 600.0,
        "options": {"queue": "provisioning", "expires": 590},
    },
}
