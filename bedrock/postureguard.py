"""Who may move a workspace to which posture. The database holds the last of these rules itself."""

from dataclasses import replace
from typing import Final

from django.db import connection
from django.utils.translation import gettext as _

from bedrock.errors import PostureNeedsApproval, RulesChanged, RulesWrong
from bedrock.models import Tier
from bedrock.policy import guardrail_of
from bedrock.postures import postures
from tenants.accounts.models import role_reaches
from tenants.context import Actor, TenantContext

STRICTNESS: Final = ("internal", "general", "regulated")
"""From the loosest to the strictest."""
STAFF_ONLY: Final = "regulated"  # left with staff's approval alone, whatever the plan
MOVE: Final = "SELECT bedrock_posture_move(%s, %s, %s)"


def looser(before: str, after: str) -> bool:
    """Say whether moving from `before` to `after` refuses or masks less."""
    return STRICTNESS.index(after) < STRICTNESS.index(before)


def loosening_role(tenant: TenantContext, posture: str) -> str:
    """Return the lowest role that may choose `posture` now; empty: staff have to approve."""
    if not looser(tenant.posture, posture):
        return "admin"
    if tenant.posture == STAFF_ONLY:
        return ""
    tier = Tier.objects.filter(plan=tenant.plan).first()
    return tier.loosening if tier else ""


def posture_allowed(actor: Actor, tenant: TenantContext, posture: str) -> None:
    """Refuse what may not be chosen. Raises RulesWrong, PostureNeedsApproval, NotProvisioned."""
    if posture not in postures():
        raise RulesWrong(
            _("There is no posture “%(posture)s”; choose one of the list.")
            % {"posture": posture[:40]}
        )
    if posture == tenant.posture:
        raise RulesWrong(_("The posture %(posture)s is in force already.") % {"posture": posture})
    guardrail_of(replace(tenant, posture=posture))
    if actor.role == "staff":
        return
    needed = loosening_role(tenant, posture)
    if needed and role_reaches(actor.role, needed):
        return
    how = (
        _("%(posture)s is looser than %(now)s: an owner of the workspace may choose it.")
        if needed
        else _("%(posture)s is looser than %(now)s: ask for it, and our staff approve.")
    )
    raise PostureNeedsApproval(
        how % {"posture": posture.capitalize(), "now": tenant.posture}, needs=needed or "staff"
    )


def posture_move(tenant: TenantContext, posture: str) -> None:
    """Write the entered tenant's new posture, in the caller's transaction.

    The function refuses to leave `regulated` without a request that staff approved, and closes that
    request. Raises RulesChanged where the posture is no longer the one that was looked at.
    """
    with connection.cursor() as cursor:
        cursor.execute(MOVE, [tenant.id, tenant.posture, posture])
        if not cursor.fetchone()[0]:
            raise RulesChanged
