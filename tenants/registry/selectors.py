"""Look tenants up, by host or by id; the only readers of the registry outside the staff admin."""

from typing import Final
from uuid import UUID

from tenants.context import TenantContext, public_scope
from tenants.errors import TenantUnavailable
from tenants.registry.models import Status, Tenant
from tenants.statements import rows_planned

# Every request asks it, so it is written out: the ORM would make it, and a row's model, anew.
BY_HOST: Final = """
    SELECT t.id, t.slug, t.name, t.schema_name, t.plan, t.posture, t.region, t.retrieval
      FROM registry_tenant t JOIN registry_domain d ON d.tenant_id = t.id
     WHERE d.domain = %s AND t.status = %s
"""


def tenant_by_host(host: str) -> TenantContext:
    """Return the active tenant of a host name (no port, any case).

    Raises TenantUnavailable for an unknown host as for a suspended or deleted tenant.
    """
    with public_scope("app_public"):
        found = rows_planned(BY_HOST, [host.lower(), Status.ACTIVE.value])
    if not found:
        raise TenantUnavailable
    return TenantContext(*found[0])


def tenant_by_id(tenant_id: UUID | str) -> TenantContext:
    """Return the active tenant with this id, as it is now. Raises TenantUnavailable."""
    with public_scope("app_public"):
        tenant = Tenant.objects.filter(id=tenant_id, status=Status.ACTIVE).first()
    if tenant is None:
        raise TenantUnavailable
    found: TenantContext = tenant.context
    return found


def active_tenants() -> list[TenantContext]:
    """Return every active tenant, for tasks that visit each in turn."""
    with public_scope("app_public"):
        return [tenant.context for tenant in Tenant.objects.filter(status=Status.ACTIVE)]
