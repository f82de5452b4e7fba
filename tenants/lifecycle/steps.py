"""Steps of a tenant's life that apps above this one contribute.

The ground floor never imports upwards: each app registers its steps in `AppConfig.ready`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tenants.context import TenantContext

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class Step:
    """One idempotent piece of onboarding; `order` sorts, lower first; people read `label`."""

    name: str
    label: "StrOrPromise"
    run: Callable[[TenantContext], None]
    order: int


_steps: dict[str, Step] = {}


def step_register(
    name: str, label: "StrOrPromise", run: Callable[[TenantContext], None], *, order: int
) -> None:
    """Add an onboarding step, run under the owner's login inside the new tenant.

    The workspace is in use by then: a step makes what follows in AWS, and may be run again.
    """
    _steps[name] = Step(name, label, run, order)


def steps() -> list[Step]:
    """Return the registered steps in their order."""
    return sorted(_steps.values(), key=lambda step: step.order)


_moved: list[Callable[[], str]] = []


def moved_register(run: Callable[[], str]) -> None:
    """Add what is to be done for a workspace that is in another Region from now on.

    It runs under the owner's login inside the suspended workspace, in the transaction that changes
    its Region, and says in a sentence what is so from then on, or nothing.
    """
    _moved.append(run)


def moved_told() -> list[str]:
    """Do it for the entered workspace; return what there is to say."""
    return [told for run in _moved if (told := run())]


@dataclass(frozen=True, slots=True)
class Erased:
    """A line of the receipt: how much of `what` was erased `where`.

    `until` is set for what cannot be erased at once: by then it has expired.
    """

    what: str
    where: str
    count: int
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class EraseStep:
    """One idempotent piece of erasing a tenant; `order` sorts, lower first.

    `run` erases and tells what; it may be cut off and run again, under the owner's login inside the
    tenant, whose schema stands until order 90. `left` counts what is still there; it runs outside
    the tenant, unless it `reads_schema`: then inside, and not at all once the schema is gone.
    """

    name: str
    run: Callable[[TenantContext], Sequence[Erased]]
    left: Callable[[TenantContext], int]
    order: int
    reads_schema: bool = False


_erasing: dict[str, EraseStep] = {}


def erase_register(
    name: str,
    run: Callable[[TenantContext], Sequence[Erased]],
    left: Callable[[TenantContext], int],
    *,
    order: int,
    reads_schema: bool = False,
) -> None:
    """Add a step that erases what an app keeps of a tenant outside its schema; orders 30 to 69."""
    _erasing[name] = EraseStep(name, run, left, order, reads_schema)


def erase_steps() -> list[EraseStep]:
    """Return the registered steps of erasing in their order."""
    return sorted(_erasing.values(), key=lambda step: step.order)
