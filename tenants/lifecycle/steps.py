"""Steps of a tenant's life that apps above this one contribute.

The ground floor never imports upwards: each app registers its steps in `AppConfig.ready`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tenants.context import TenantContext


@dataclass(frozen=True, slots=True)
class Step:
    """One idempotent piece of onboarding; `order` sorts, lower first."""

    name: str
    run: Callable[[TenantContext], None]
    order: int


_steps: dict[str, Step] = {}


def step_register(name: str, run: Callable[[TenantContext], None], *, order: int) -> None:
    """Add an onboarding step, run under the owner's login inside the new tenant."""
    _steps[name] = Step(name, run, order)


def steps() -> list[Step]:
    """Return the registered steps in their order."""
    return sorted(_steps.values(), key=lambda step: step.order)
