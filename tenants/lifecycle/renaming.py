"""An owner gives the workspace another name; its address, schema and role stay as they are."""

import re
from typing import Final

from django.db import connection, transaction
from django.utils.translation import gettext as _

from tenants.accounts.audit import audit_write
from tenants.context import Actor, current
from tenants.errors import Forbidden, Invalid
from tenants.naming import one_line
from tenants.registry.models import Tenant
from tenants.seen import ChangedMeanwhile

# A name stands in mails and titles: one that is an address could send their readers there.
ADDRESS_LIKE: Final = re.compile(r"://|www\.|[\x00-\x1f\x7f]", re.I)
NAME_CHARACTERS: Final = Tenant._meta.get_field("name").max_length or 0
RENAME: Final = "SELECT registry_rename(%s, %s, %s)"


def plain_name(text: str) -> str:
    """Return a workspace's name as it is kept. Raises Invalid."""
    name = one_line(text)
    if not name:
        raise Invalid(_("Give the workspace a name."))
    if len(name) > NAME_CHARACTERS:
        raise Invalid(
            _("A name has at most %(most)s characters; shorten it.") % {"most": NAME_CHARACTERS}
        )
    if ADDRESS_LIKE.search(name):
        raise Invalid(_("Give the workspace a plain name, without a link."))
    return name


@transaction.atomic
def workspace_rename(*, actor: Actor, name: str) -> None:
    """Call the entered workspace so from the next request on, in pages, mails and new invoices.

    Raises Forbidden, Invalid, and ChangedMeanwhile where another has renamed it since the request
    began: a workspace's role writes no row of the registry, a function compares and renames.
    """
    if actor.role != "owner":
        raise Forbidden(_("Only an owner renames the workspace."))
    tenant, name = current(), plain_name(name)
    if name == tenant.name:
        return
    with connection.cursor() as cursor:
        cursor.execute(RENAME, [tenant.id, tenant.name, name])
        [renamed] = cursor.fetchone()
    if not renamed:
        raise ChangedMeanwhile
    audit_write(
        actor,
        action="workspace.rename",
        object_type="workspace",
        object_id=tenant.id,
        before=tenant.name,
        after=name,
    )
