"""Domains whose addresses a workspace's provider may speak for, proved by a TXT record.

Two workspaces may prove the same domain: each has a token of its own, and each its own people.

Each night the records are looked up again. Where one is gone, owners are told; after GRACE nobody
new joins by the domain's addresses. Who is a member goes on coming in.
"""

import re
import secrets
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.accounts.audit import audit_write
from tenants.accounts.models import Role, role_reaches
from tenants.context import SYSTEM, Actor
from tenants.errors import Conflict, Forbidden, Invalid, NotFound
from tenants.outbound import Unreachable
from tenants.signin.models import EmailDomain, Provider
from tenants.signin.sso.names import txt_of
from tenants.turns import turn_take

log = structlog.get_logger(__name__)

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


def domain_proved(email: str) -> EmailDomain | None:
    """Return the address's domain if this workspace has proved it."""
    return EmailDomain.objects.filter(name=domain_of(email), verified_at__isnull=False).first()


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
    with transaction.atomic():
        turn_take("domains")
        if EmailDomain.objects.count() >= MOST:
            raise Conflict(_("A workspace has at most %(most)d domains.") % {"most": MOST})
        domain, made = EmailDomain.objects.get_or_create(
            name=name, defaults={"token": secrets.token_hex(16)}
        )
        if made:
            _told(actor, "domain.add", domain)
    return domain


def domain_verify(*, actor: Actor, domain_id: UUID) -> EmailDomain:
    """Look for the record. Raises Invalid where it is not there, Unreachable, NotFound."""
    _admin(actor)
    domain = _found(domain_id)
    name, text = record_of(domain)
    texts = _texts(name)
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
        _seen(actor, domain)
    return domain


def _texts(name: str) -> list[str]:
    return [each.strip() for each in txt_of(name)]


def _seen(actor: Actor, domain: EmailDomain) -> None:
    """Note that the record stands, where it was gone."""
    gone = EmailDomain.objects.filter(id=domain.id, missing_since__isnull=False)
    if gone.update(missing_since=None):
        _told(actor, "domain.record_found", domain)


def domains_recheck() -> list[EmailDomain]:
    """Look for the records of all proved domains; return those that are gone since now.

    A name server that does not answer changes nothing.
    """
    gone = []
    for domain in EmailDomain.objects.filter(verified_at__isnull=False):
        name, text = record_of(domain)
        try:
            texts = _texts(name)
        except Unreachable:
            log.info("signin.domain_unanswered", domain=domain.name)
            continue
        with transaction.atomic():
            if text in texts:
                _seen(SYSTEM, domain)
            elif EmailDomain.objects.filter(id=domain.id, missing_since=None).update(
                missing_since=timezone.now()
            ):
                _told(SYSTEM, "domain.record_gone", domain)
                gone.append(domain)
    return gone


def domain_remove(*, actor: Actor, domain_id: UUID) -> None:
    """Forget a domain: its addresses no longer come in by the provider. Raises NotFound, Conflict.

    The last one that is proved stays while the provider is required.
    """
    _admin(actor)
    with transaction.atomic():
        turn_take("domains")
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
