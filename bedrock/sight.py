"""Who may be shown pictures: models whose row says that they see, behind a guardrail that looks.

What cannot be masked is not sent where the posture masks
(docs/decisions/0022-pictures-to-models.md).
"""

from typing import Final

from bedrock.errors import NotProvisioned, PictureNotMasked, PicturesUnseen
from bedrock.models import Role
from bedrock.policy import guardrail_of, policy_of
from bedrock.prompting import assistant_of
from tenants.context import TenantContext

ROLES: Final = (Role.SMALL, Role.FRONTIER)


def sees(tenant: TenantContext, role: str) -> bool:
    """Return whether the model of a role sees pictures; one that is not set up sees none."""
    try:
        return policy_of(tenant, role).model.image_tokens is not None
    except NotProvisioned:
        return False


def pictures_require(tenant: TenantContext) -> None:
    """Raise PictureNotMasked or PicturesUnseen where no picture can be sent for the tenant."""
    guardrail = guardrail_of(tenant)
    if guardrail.masks:
        raise PictureNotMasked
    roles = ROLES if assistant_of(tenant).frontier else ROLES[:1]
    if not guardrail.sees or not any(sees(tenant, role) for role in roles):
        raise PicturesUnseen
