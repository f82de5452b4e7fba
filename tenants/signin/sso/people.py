"""Whom a provider's answer lets in: linked, matched by a verified address, or joining now."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.accounts.audit import audit_write
from tenants.accounts.membership import member_of
from tenants.accounts.models import Role, User, role_reaches
from tenants.accounts.services import user_create
from tenants.context import SYSTEM, Actor
from tenants.errors import Forbidden, NotFound
from tenants.signin.models import EmailDomain, Provider, ProviderLink
from tenants.signin.sso.domains import domain_of, domain_proved
from tenants.signin.sso.errors import Checks, Claimed, SsoRefused
from tenants.webhooks.publishing import publish


def person_judge(provider: Provider, claimed: Claimed, checks: Checks) -> User | None:
    """Return who the provider's person is here; None for somebody who may join now.

    An owner is never matched by an address alone, or an admin who runs the provider could become
    one: owners link themselves while they are signed in. Raises SsoRefused.
    """
    domain = address_check(claimed, checks)
    link = ProviderLink.objects.filter(issuer=claimed.issuer, subject=claimed.subject).first()
    user = link.user if link else User.objects.filter(email=claimed.email).first()
    if user is None:
        checks.require(
            _("Account"), provider.joins, _unknown, _("joins as %(role)s") % {"role": provider.role}
        )
        checks.require(_("Domain's record"), domain.joins, lambda: _gone(domain), domain.name)
        return None
    if user.is_service:
        raise _unknown()
    if not user.is_active:
        raise SsoRefused(
            "sso_deactivated",
            _("Your account in this workspace is deactivated; ask an admin to let you in again."),
        )
    # A link of the provider before this one says nothing: it is replaced.
    known = ProviderLink.objects.filter(user=user, issuer=claimed.issuer)
    if link is None and known.exists():
        raise SsoRefused(
            "sso_subject",
            _(
                "This address belongs to a member whom the provider knew as somebody else. An admin"
                " unlinks the member under Settings, Sign-in, if it is the same person."
            ),
        )
    if link is None and user.role == Role.OWNER:
        raise SsoRefused(
            "sso_owner",
            _(
                "An owner is linked to the provider by themselves: sign in with your password, then"
                " press “Link my account” under Settings, Sign-in."
            ),
        )
    checks.note(_("Account"), f"{user.email} ({user.role})")
    return user


def address_check(claimed: Claimed, checks: Checks) -> EmailDomain:
    """Check that the address is one of a domain that this workspace has proved; return that."""
    try:
        if len(claimed.email) > 254:
            raise ValidationError("")
        validate_email(claimed.email)
    except ValidationError:
        raise SsoRefused(
            "sso_email",
            _(
                "The provider sent no usable email address. Send one, and look at which claim or"
                " attribute holds it."
            ),
        ) from None
    domain = domain_proved(claimed.email)
    if domain is None:
        raise SsoRefused(
            "sso_domain",
            _(
                "%(domain)s is not a verified domain of this workspace; an admin adds it under"
                " Settings, Sign-in."
            )
            % {"domain": domain_of(claimed.email)},
        )
    checks.note(_("Email address"), claimed.email)
    return domain


def _gone(domain: EmailDomain) -> SsoRefused:
    return SsoRefused(
        "sso_domain_gone",
        _(
            "Nobody new joins by addresses of %(domain)s, since its DNS record is gone. An admin"
            " adds the record again under Settings, Sign-in, or invites you."
        )
        % {"domain": domain.name},
    )


def _unknown() -> SsoRefused:
    return SsoRefused(
        "sso_no_account",
        _("You have no account in this workspace; ask an admin to invite you."),
    )


@transaction.atomic
def person_admit(provider: Provider, claimed: Claimed, checks: Checks) -> User:
    """Return the user who has come in; made now where they are new. Raises SsoRefused."""
    Provider.objects.select_for_update().get(id=provider.id)  # of two at once, one makes the user
    user = person_judge(provider, claimed, checks)
    if user is None:
        user = user_create(
            email=claimed.email, name=claimed.name, role=Role(provider.role)
        )  # without a password that works
        actor = Actor(user_id=user.id, role=user.role, kind="session")
        audit_write(actor, action="sso.join", object_type="user", object_id=user.id, role=user.role)
        publish("member.joined", {"id": str(user.id), "role": user.role})
    _link(user, claimed)
    return user


@transaction.atomic
def person_link(user: User, claimed: Claimed, checks: Checks) -> None:
    """Link a signed-in user with the person that the provider has told of. Raises SsoRefused."""
    User.objects.select_for_update().get(id=user.id)
    address_check(claimed, checks)
    checks.require(
        _("Account"), claimed.email == user.email, lambda: SsoRefused(
            "sso_subject",
            _("The provider knows you as %(email)s, which is not your address here.")
            % {"email": claimed.email},
        ), user.email,
    )  # fmt: skip
    others = ProviderLink.objects.filter(issuer=claimed.issuer, subject=claimed.subject)
    if others.exclude(user=user).exists():
        raise SsoRefused("sso_subject", _("The provider's account is another member's here."))
    ProviderLink.objects.filter(user=user).delete()
    _link(user, claimed)
    actor = Actor(user_id=user.id, role=user.role, kind="session")
    audit_write(actor, action="sso.link", object_type="user", object_id=user.id)


def _link(user: User, claimed: Claimed) -> None:
    ProviderLink.objects.update_or_create(
        user=user,
        defaults={
            "issuer": claimed.issuer,
            "subject": claimed.subject,
            "last_used_at": timezone.now(),
        },
    )


def refusal_told(refused: SsoRefused, kind: str, purpose: str) -> None:
    """Put a refusal on record: its code, never what the provider said."""
    audit_write(
        SYSTEM, action="sso.refuse", object_type="provider", code=refused.code, kind=kind,
        purpose=purpose,
    )  # fmt: skip


@transaction.atomic
def person_unlink(*, actor: Actor, user_id: UUID) -> User:
    """Forget whom the provider calls this member; the next sign-in links them anew."""
    if not role_reaches(actor.role, Role.ADMIN):
        raise Forbidden
    user = member_of(user_id)
    if not ProviderLink.objects.filter(user=user).delete()[0]:
        raise NotFound
    audit_write(actor, action="sso.unlink", object_type="user", object_id=user.id)
    return user
