"""How the entered workspace is: what each app's probe finds, kept in one row for staff to read.

Probes are registered in `AppConfig.ready`. They run inside the workspace, count and name, and read
no content. One that fails is a finding itself, and holds up no other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from django.db import transaction
from django.utils import timezone

from tenants.context import current
from tenants.lifecycle.onboarding import open_labels
from tenants.lifecycle.standing import behind
from tenants.registry.models import Onboarding, TenantHealth

log = structlog.get_logger(__name__)

FINE, LOOK, BAD = TenantHealth.Level.FINE, TenantHealth.Level.LOOK, TenantHealth.Level.BAD
SETTING_UP: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe found: a count, a sentence for staff, and whether to look."""

    count: int = 0
    told: str = ""
    level: int = FINE


@dataclass(frozen=True, slots=True)
class Probe:
    name: str
    label: str
    look: Callable[[], Finding]
    order: int


_probes: dict[str, Probe] = {}


def probe_register(name: str, label: str, look: Callable[[], Finding], *, order: int) -> None:
    """Add a probe; `label` heads what it says on staff's page."""
    _probes[name] = Probe(name, label, look, order)


def probes() -> list[Probe]:
    return sorted(_probes.values(), key=lambda probe: probe.order)


def health_check() -> TenantHealth:
    """Look at the entered workspace with every probe and keep what they found."""
    found = {probe.name: _looked(probe) for probe in probes()}
    row, _ = TenantHealth.objects.update_or_create(
        tenant_id=current().id,
        defaults={
            "checked_at": timezone.now(),
            "level": max((each.level for each in found.values()), default=FINE),
            "problems": [name for name, each in found.items() if each.level > FINE],
            "figures": {
                name: {"count": each.count, "told": each.told, "level": int(each.level)}
                for name, each in found.items()
            },
        },
    )
    return row


def _looked(probe: Probe) -> Finding:
    try:
        with transaction.atomic():
            return probe.look()
    except Exception as error:  # whatever it is, staff should look
        log.exception("health.probe_failed", probe=probe.name)
        return Finding(0, f"Could not be looked at: {type(error).__name__}.", BAD)


def setup_probe() -> Finding:
    """Steps of the set-up that are open."""
    row = Onboarding.objects.filter(tenant_id=current().id).first()
    if row is None or row.state == Onboarding.State.DONE:
        return Finding(0, "Complete.")
    open_steps = open_labels(row)
    late = row.requested_at < timezone.now() - SETTING_UP
    level = BAD if row.error else LOOK if late else FINE
    told = f"Open: {', '.join(open_steps)}."
    if row.error:
        told += f" Failed {row.attempts} times: {row.error.partition(':')[0]}."
    return Finding(len(open_steps), told, level)


def schema_probe() -> Finding:
    """Whether the schema stands behind the code; it is not served then."""
    if behind([current().schema]):
        return Finding(1, "Behind the code, and not served until it is migrated.", BAD)
    return Finding(0, "At the newest migration.")
