"""The public index of addresses: which workspaces may know one, without a list of people.

An entry is an HMAC of the address under a key made from the deployment's secret: whoever reads the
table learns no address, nor can test one. It only says where to look; what is told to somebody is
always checked against the workspace's own users.
"""

import hashlib
import hmac
from functools import cache
from uuid import UUID

from django.conf import settings

from tenants.accounts.models import User
from tenants.context import TenantContext, current, entered, public_scope
from tenants.errors import TenantUnavailable, UnderMaintenance
from tenants.lifecycle.standing import schema_require
from tenants.registry.models import AddressEntry
from tenants.registry.selectors import tenant_by_id


def address_digest(email: str) -> bytes:
    """Return what the index holds of an address."""
    return hmac.digest(_key(), email.strip().lower().encode(), "sha256")


@cache
def _key() -> bytes:
    return hashlib.sha256(b"tenantry.addresses:" + settings.SECRET_KEY.encode()).digest()


def address_add(email: str) -> None:
    """Note that the entered tenant knows an address."""
    AddressEntry.objects.bulk_create(
        [AddressEntry(tenant_id=current().id, digest=address_digest(email))], ignore_conflicts=True
    )


def address_remove(email: str) -> None:
    """Forget that the entered tenant knows an address."""
    AddressEntry.objects.filter(tenant_id=current().id, digest=address_digest(email)).delete()


def addresses_sync() -> None:
    """Put the entered tenant's entries right: one for each active user, and no others."""
    active = User.objects.filter(is_active=True, is_service=False).values_list("email", flat=True)
    wanted = {address_digest(email) for email in active}
    entries = AddressEntry.objects.filter(tenant_id=current().id)
    have = {bytes(digest) for digest in entries.values_list("digest", flat=True)}
    if have - wanted:
        entries.filter(digest__in=have - wanted).delete()
    AddressEntry.objects.bulk_create(
        [AddressEntry(tenant_id=current().id, digest=one) for one in wanted - have],
        ignore_conflicts=True,
    )


def workspaces_of(email: str) -> list[TenantContext]:
    """Return the workspaces in which the address is an active user's, by name."""
    with public_scope("app_public"):
        noted: list[UUID] = list(
            AddressEntry.objects.filter(digest=address_digest(email)).values_list(
                "tenant_id", flat=True
            )
        )
    found = []
    for tenant_id in noted:
        try:
            tenant = tenant_by_id(tenant_id)
            with entered(tenant):
                schema_require()
                if User.objects.filter(email=email.strip().lower(), is_active=True).exists():
                    found.append(tenant)
        except (TenantUnavailable, UnderMaintenance):
            continue
    return sorted(found, key=lambda tenant: tenant.name.lower())
