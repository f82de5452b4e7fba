"""Whether a workspace is between two Regions, its objects in both or about to be.

Until that has ended it stays closed, and is neither restored nor erased.
"""

from typing import Final
from uuid import UUID

from tenants.errors import Conflict
from tenants.registry.models import RegionMove

State = RegionMove.State
GOING: Final = (State.WAITING, State.RUNNING)
OPEN: Final = (*GOING, State.STOPPED)


def region_move_open(tenant_id: UUID) -> RegionMove | None:
    """Return the move that was asked for, is under way or was stopped."""
    return RegionMove.objects.filter(tenant_id=tenant_id, state__in=OPEN).first()


def region_moved(tenant_id: UUID) -> RegionMove | None:
    """Return the newest move that came to its end."""
    return RegionMove.objects.filter(tenant_id=tenant_id, state=State.DONE).first()


def region_move_refuse(tenant_id: UUID) -> None:
    """Raise Conflict while the workspace is between two Regions."""
    if move := region_move_open(tenant_id):
        raise Conflict(
            f"It is being moved from {move.origin} to {move.target}, or that was stopped: its page"
            " in Staff, Workspaces says how far it is, and how to go on or give it up; or run"
            " `move_region` again."
        )
