"""Making workspaces and erasing them, outside every tenant and under the owner's login."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from celery import shared_task
from celery.schedules import crontab
from django.utils import timezone

from tenants.context import current, public_scope
from tenants.ended import ended
from tenants.errors import Conflict, LegalHold
from tenants.lifecycle.erasing import erase
from tenants.lifecycle.exports import export_make, exports_expire
from tenants.lifecycle.health import health_check
from tenants.lifecycle.onboarding import onboard
from tenants.lifecycle.retention import retention_apply
from tenants.lifecycle.schema import template_dump
from tenants.lifecycle.selftest import isolation_check
from tenants.registry.deadtasks import TASK, dead_task_keep
from tenants.registry.models import Offboarding, Onboarding
from tenants.registry.selectors import active_tenants
from tenants.tasks import in_each_tenant, tenant_task

log = structlog.get_logger(__name__)

QUEUE: Final = "provisioning"
LATE: Final = timedelta(seconds=20)
ATTEMPTS: Final = 20  # of a step that fails, before only staff or the owner try it again


@shared_task(name="registry.onboard")
def workspace_onboard(tenant_id: str) -> None:
    """Make a workspace that was asked for; then, as a message of its own, what follows in AWS.

    Two messages, so that whoever signs up next does not wait for AWS.
    """
    with public_scope("owner"):
        asked = Onboarding.objects.filter(tenant_id=UUID(tenant_id)).first()
    if asked is None or asked.state == Onboarding.State.DONE:
        return
    making = asked.state == Onboarding.State.WAITING
    try:
        onboard(asked, until_ready=making)
    except Conflict as error:
        log.info("tenants.onboarding_elsewhere", tenant_id=tenant_id, why=error.detail)
    except Exception:  # the row says why; it is tried again, by the schedule or by people
        log.exception("tenants.onboarding_failed", tenant_id=tenant_id)
    else:
        if making:
            onboarding_dispatch(asked.tenant_id)


def onboarding_dispatch(tenant_id: UUID) -> None:
    """Have a workspace's making begun, or gone on with."""
    workspace_onboard.apply_async(args=(str(tenant_id),), queue=QUEUE)


@shared_task(name="registry.onboard_due")
def workspaces_onboard_due() -> None:
    """Go on with workspaces whose making was cut off or failed.

    The template is dumped ahead, so that whoever signs up first does not wait for it.
    """
    with public_scope("owner"):
        template_dump()
        late = Onboarding.objects.exclude(state=Onboarding.State.DONE).filter(
            attempts__lt=ATTEMPTS, requested_at__lt=timezone.now() - LATE
        )
        due = list(late.values_list("tenant_id", flat=True))
    for tenant_id in due:
        onboarding_dispatch(tenant_id)


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
        except LegalHold:
            log.warning("tenants.erase_held", tenant_id=str(offboarding.tenant_id))
        except Exception:  # one that fails must not hold up the others; its row says why
            log.exception("tenants.erase_failed", tenant_id=str(offboarding.tenant_id))


@shared_task(name="registry.retention")
def retention_nightly() -> None:
    """Erase what is over in every active workspace; one that fails holds up no other."""
    for tenant in active_tenants():
        try:
            retention_apply(tenant)
            exports_expire(tenant, timezone.now())
        except Exception as error:
            if not ended(error, tenant):
                log.exception("retention.failed", tenant_id=str(tenant.id))


@tenant_task(name="registry.isolation_check")
def isolation_check_task() -> None:
    """Try the entered workspace's walls now."""
    isolation_check(current())


@shared_task(name="registry.isolation_checks")
def isolation_checks_nightly() -> None:
    """Have every active workspace's walls tried, each by a message of its own."""
    in_each_tenant(isolation_check_task.dispatch, failed="isolation.not_sent")


@shared_task(name="registry.health")
def health_all() -> None:
    """Look how every active workspace is; about ten statements each."""
    in_each_tenant(health_check, failed="health.failed")


@tenant_task(name="registry.export")
def export_make_task(export_id: str) -> None:
    """Make an archive of everything."""
    export_make(UUID(export_id))


@shared_task(name=TASK)
def dead_task_note(
    name: str, queue: str, attempts: int, code: str, args: list[Any], kwargs: dict[str, Any]
) -> None:
    """Note a task that was killed, for the worker's parent, which opens no database."""
    dead_task_keep(name=name, queue=queue, attempts=attempts, code=code, args=args, kwargs=kwargs)


BEAT: Final[dict[str, dict[str, Any]]] = {
    "registry.onboard_due": {
        "task": "registry.onboard_due",
        "schedule": 60.0,
        "options": {"queue": QUEUE, "expires": 55},
    },
    "registry.isolation_checks": {
        "task": "registry.isolation_checks",
        "schedule": crontab(hour=3, minute=10),
        "options": {"queue": "default", "expires": 6 * 3600},
    },
    "registry.health": {
        "task": "registry.health",
        "schedule": 300.0,
        "options": {"queue": "default", "expires": 290},
    },
    "registry.retention": {
        "task": "registry.retention",
        "schedule": crontab(hour=2, minute=20),
        "options": {"queue": "default", "expires": 6 * 3600},
    },
    "registry.erase_due": {
        "task": "registry.erase_due",
        "schedule": 600.0,
        "options": {"queue": QUEUE, "expires": 590},
    },
}
