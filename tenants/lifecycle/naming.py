"""What a workspace's address may be: free, well-formed and none of the product's own."""

import re
from typing import Final, Literal, NamedTuple

from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext, gettext_lazy

from tenants.context import public_scope
from tenants.registry.models import Domain, Onboarding, Tenant

SHAPE: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?")
SHORTEST: Final = 3
INVALID: Final = format_lazy(
    gettext_lazy(
        "Use {shortest} to 40 small letters, digits and hyphens; begin with a letter "
        "and end with a letter or digit."
    ),
    shortest=SHORTEST,
)
# What begins so is shown by browsers as letters of other alphabets, which look like another's name.
ENCODED: Final = re.compile(r"..--")
# Names under which people expect the operator: what stands there could be taken for theirs.
RESERVED: Final = frozenset(
    "abuse account accounts admin api app assets auth billing blog cdn console contact dashboard"
    " dev docs download find ftp help hostmaster imap info localhost login mail media noc ns1 ns2"
    " ops owner postmaster public register root sales security shop sign-in sign-up signin signup"
    " smtp sso staff staging static status store support system team tenantry test trust webmail"
    " webmaster wiki www".split()
)


class Verdict(NamedTuple):
    """Whether a workspace can be called so, and why not, as a sentence."""

    state: Literal["free", "taken", "reserved", "invalid"]
    message: str


def slug_verdict(slug: str) -> Verdict:
    """Say whether an address can be had. Costs three short statements at most.

    Whoever is quicker gets it: the row that asks for it decides.
    """
    if len(slug) < SHORTEST or not SHAPE.fullmatch(slug):
        return Verdict("invalid", str(INVALID))
    if ENCODED.match(slug):
        told = gettext("The third and fourth characters cannot both be hyphens; choose another.")
        return Verdict("invalid", told)
    if slug in RESERVED:
        told = gettext("“%(slug)s” is kept for the product's own addresses; choose another.") % {
            "slug": slug
        }
        return Verdict("reserved", told)
    if is_taken(slug):
        return Verdict("taken", gettext("“%(slug)s” is taken; choose another.") % {"slug": slug})
    return Verdict("free", gettext("%(host)s is free.") % {"host": host_for(slug)})


def is_taken(slug: str) -> bool:
    """Return whether a workspace has the address, had it, or is being made under it."""
    with public_scope("app_public"):
        found: bool = (
            Tenant.objects.filter(slug=slug).exists()
            or Domain.objects.filter(domain=host_for(slug)).exists()
            or Onboarding.objects.filter(slug=slug).exists()
        )
    return found


def host_for(slug: str) -> str:
    """Return the host name of a workspace's address."""
    return f"{slug}.{settings.BASE_HOST}"


def url_for(slug: str) -> str:
    """Return the address of a workspace as browsers write it, without a path."""
    scheme, _, rest = settings.BASE_URL.partition("://")
    return f"{scheme}://{slug}.{rest}"
