"""How far the making of the entered workspace is, for its own people, and trying it again."""

from dataclasses import dataclass

import structlog

from tenants.accounts.audit import audit_write
from tenants.context import Actor, current
from tenants.lifecycle.onboarding import failed_label, open_labels
from tenants.registry.models import Onboarding
from tenants.registry.tasks import onboarding_dispatch

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Setup:
    """Steps still open, by what people call them; `failed` is the one that failed last."""

    open: list[str]
    failed: str


def setup_of() -> Setup | None:
    """Return what is still being made; None once all is there."""
    asked = _unfinished()
    if asked is None:
        return None
    return Setup(open_labels(asked), failed_label(asked))


def setup_again(*, actor: Actor) -> None:
    """Have the open steps tried again; nothing where none is open."""
    asked = _unfinished()
    if asked is not None:
        audit_write(actor, action="workspace.setup_again", object_type="workspace")
        onboarding_dispatch(asked.tenant_id)


def _unfinished() -> Onboarding | None:
    rows = Onboarding.objects.filter(tenant_id=current().id)
    return rows.exclude(state=Onboarding.State.DONE).first()
