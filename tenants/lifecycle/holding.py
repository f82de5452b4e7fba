"""Legal hold: while an owner has set it, nothing of the workspace is erased by anybody or anything.

It is a member of the data policy's newest version, which stands in `public`, so that the erasing of
a whole workspace reads it too.
"""

from uuid import UUID

from django.utils.translation import gettext as _

from tenants.context import current
from tenants.errors import LegalHold
from tenants.registry.models import DataPolicy


def data_policy_of(tenant_id: UUID) -> DataPolicy:
    """Return the data policy in force; an unsaved version 0, which keeps all, where none was set.

    Reads `public` with whatever role is entered: a tenant's sees its own rows alone.
    """
    rows = DataPolicy.objects.filter(tenant_id=tenant_id).order_by("-version")
    return rows.first() or DataPolicy(tenant_id=tenant_id, version=0)


def hold_refuse(tenant_id: UUID | None = None) -> None:
    """Raise LegalHold where the tenant, by default the entered one, is under a legal hold."""
    policy = data_policy_of(tenant_id or current().id)
    if policy.hold:
        raise LegalHold(
            _(
                "This workspace is under a legal hold, so nothing is deleted. An owner can lift it"
                " in Settings, Data."
            )
        )
