"""What goes wrong in work that was under way while its workspace was suspended or erased.

Past the seam nothing asks again whether the workspace is served, and from its erasing on, anything
may be missing: its rows of `public`, its objects, a table, the schema, the role. Whatever fails
then, foreseen by nobody, is the workspace's end and no defect: it is answered as the seam answers
the next request. That is asked of the registry afresh, so a defect of a living workspace stays one.
"""

import structlog
from django.db import DatabaseError, InterfaceError
from psycopg_pool import PoolTimeout

from tenants.context import TenantContext, current_or_none, in_public
from tenants.errors import TenantUnavailable
from tenants.registry.selectors import tenant_by_id

log = structlog.get_logger(__name__)


def ended(error: BaseException, tenant: TenantContext | None = None) -> TenantUnavailable | None:
    """Return what to say of an unforeseen error where its workspace has ended; else None.

    `tenant` is the entered one unless given. One statement; call with no transaction open that
    has failed. The error's traceback is logged here, as a warning.
    """
    tenant = tenant or current_or_none()
    if tenant is None or not _is_gone(tenant):
        return None
    log.warning("tenant.ended", error=type(error).__name__, exc_info=error)
    return TenantUnavailable()


async def ended_elsewhere(error: BaseException, tenant: TenantContext) -> bool:
    """Say the same from a coroutine, of work that was done `in_tenant`."""
    return await in_public("app_public", ended, error, tenant) is not None


def _is_gone(tenant: TenantContext) -> bool:
    try:
        tenant_by_id(tenant.id)
    except TenantUnavailable:
        return True
    except (DatabaseError, InterfaceError, PoolTimeout):  # nobody can say: the error stays
        return False
    return False
