"""Domains whose addresses a workspace's provider may speak for, proved by a TXT record.

Two workspaces may prove the same domain: each has a token of its own, and each its own people.
"""

import re
import secrets
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.accounts.audit import audit_write
from tenants.accounts.models import Role, role_reaches
from tenants.context import Actor
from tenants.errors import Conflict, Forbidden, Invalid, NotFound
from tenants.signin.models import EmailDomain, Provider
from tenants.signin.sso.names import txt_of

MOST: Final = 50
RECORD: Final = "_tenantry"  # the label below the domain that holds the record
PREFIX: Final = "tenantry-verification="
_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def domain_of(email: str) -> str:
    """Return an address's domain as DNS has it; empty where it is none."""
    try:
        return _plain(email.rpartition("@")[2])
    except Invalid:
        return ""


def domain_verified(email: str) -> bool:
    """Return whether this workspace has proved the address's domain."""
    return EmailDomain.objects.filter(name=domain_of(email), verified_at__isnull=False).exists()


def record_of(domain: EmailDomain) -> tuple[str, str]:
    """Return name and text of the TXT record that proves a domain."""
    return f"{RECORD}.{domain.name}", PREFIX + domain.token


def _plain(given: str) -> str:
    """Return a domain as DNS has it. Raises Invalid."""
    name = given.strip().lower().removeprefix("@").rstrip(".")
    try:
        name = name.encode("idna").decode()
    except UnicodeError:
        name = ""
    labels = name.split(".")
    plain = len(name) <= 240 and len(labels) > 1 and all(map(_LABEL.fullmatch, labels))
    if not plain or labels[-1].isdecimal():
        raise Invalid(_("Give a domain like example.com, without “@” and “https://”."))
    return name


def domain_add(*, actor: Actor, name: str) -> EmailDomain:
    """Note a domain, still to be proved. Raises Invalid, Conflict, Forbidden."""
    _admin(actor)
    name = _plain(name)
    if EmailDomain.objects.count() >= MOST:
        raise Conflict(_("A workspace has at most %(most)d domains.") % {"most": MOST})
    with transaction.atomic():
        domain, made = EmailDomain.objects.get_or_create(
            name=name, defaults={"token": secrets.token_hex(16)}
        )
        if made:
            _told(actor, "domain.add", domain)
    return domain


def domain_verify(*, actor: Actor, domain_id: UUID) -> EmailDomain:
    """Look for the record. Raises Invalid where it is not there, Unreachable, NotFound.

    One that was proved and shows the record no more stays proved until it is removed.
    """
    _admin(actor)
    domain = _found(domain_id)
    name, text = record_of(domain)
    texts = [each.strip() for each in txt_of(name)]
    if text not in texts:
        seen = _("It has other texts: a record is added, none replaced.") if texts else ""
        raise Invalid(
            _(
                "%(name)s has no TXT record with this text yet. Add it at whoever runs the"
                " domain's DNS; it can take an hour to be seen."
            )
            % {"name": name}
            + (f" {seen}" if seen else "")
        )
    with transaction.atomic():
        if EmailDomain.objects.filter(id=domain.id, verified_at=None).update(
            verified_at=timezone.now()
        ):
            _told(actor, "domain.verify", domain)
    return domain


def domain_remove(*, actor: Actor, domain_id: UUID) -> None:
    """Forget a domain: its addresses no longer come in by the provider. Raises NotFound, Conflict.

    The last one that is proved stays while the provider is required.
    """
    _admin(actor)
    with transaction.atomic():
        provider = Provider.objects.select_for_update().first()
        domain = _found(domain_id)
        others = EmailDomain.objects.filter(verified_at__isnull=False).exclude(id=domain.id)
        required = provider is not None and provider.state == Provider.State.REQUIRED
        if required and domain.verified_at and not others.exists():
            raise Conflict(
                _("Single sign-on is required and needs a verified domain; turn that off first.")
            )
        domain.delete()
        _told(actor, "domain.remove", domain, domain_id)


def _found(domain_id: UUID) -> EmailDomain:
    domain = EmailDomain.objects.filter(id=domain_id).first()
    if domain is None:
        raise NotFound
    return domain


def _admin(actor: Actor) -> None:
    if not role_reaches(actor.role, Role.ADMIN):
        raise Forbidden


def _told(actor: Actor, action: str, domain: EmailDomain, domain_id: UUID | None = None) -> None:
    audit_write(
        actor,
        action=action,
        object_type="domain",
        object_id=domain_id or domain.id,
        domain=domain.name,
    )
