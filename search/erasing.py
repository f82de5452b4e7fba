"""Erasing a workspace: its copies in Knowledge Bases, which stand outside its schema."""

import time
from collections.abc import Sequence
from typing import Final

from search.models import KnowledgeCopy
from search.moving import copies_drop_all
from tenants.context import TenantContext
from tenants.errors import TenantryError, Unavailable
from tenants.lifecycle.steps import Erased

ERASE_SECONDS: Final = 60
LOOK_EVERY: Final = 0.3


def copies_erase(tenant: TenantContext) -> Sequence[Erased]:
    """Delete the workspace's passages from Knowledge Bases and see them gone.

    Raises Unavailable while some are still there: the erasing goes on later.
    """
    give_up = time.monotonic() + ERASE_SECONDS

    def wait(left: int) -> bool:
        time.sleep(LOOK_EVERY)
        return time.monotonic() < give_up

    try:
        count = copies_drop_all(wait)
    except TenantryError as error:
        raise Unavailable(error.detail) from error
    if copies_left(tenant):
        raise Unavailable("A Knowledge Base is still removing passages; the erasing goes on later.")
    return [Erased("passages", "Knowledge Bases", count)] if count else []


def copies_left(tenant: TenantContext) -> int:
    """Return how many copies are not known to be gone."""
    return KnowledgeCopy.objects.count()
