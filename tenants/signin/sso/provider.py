"""The workspace's identity provider: set up, kept fresh, tested, switched on and required."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.accounts.audit import audit_write
from tenants.accounts.models import Role, User, role_reaches
from tenants.context import Actor
from tenants.errors import Conflict, Forbidden, Invalid, NotFound
from tenants.naming import one_line
from tenants.outbound import url_check
from tenants.secretbox import secret_open, secret_seal
from tenants.signin.models import EmailDomain, Factor, Provider, ProviderLink
from tenants.signin.policy import visits_without_end
from tenants.signin.sessions import sessions_end_of
from tenants.signin.sso import oidc, samlxml
from tenants.signin.sso.errors import SsoRefused

PURPOSE: Final = "sso"  # of the sealed client secret
FRESH: Final = timedelta(hours=24)  # older than this, what is known of a provider is read again
OLDEST: Final = timedelta(days=7)  # and older than this, it is not believed
AGAIN: Final = 60  # seconds between readings that an unknown key causes
LONGEST_HOURS: Final = 336
State = Provider.State


def provider_of() -> Provider | None:
    """Return the workspace's provider, in whatever state."""
    return Provider.objects.select_related("break_glass").first()


def provider_open() -> Provider | None:
    """Return the provider if people may sign in with it."""
    return Provider.objects.exclude(state=State.OFF).first()


@dataclass(frozen=True, slots=True)
class Wanted:
    """The settings of a provider as a form gives them; an empty secret keeps the one there is."""

    kind: str
    name: str
    issuer: str = ""
    client_id: str = ""
    secret: str = ""
    metadata_url: str = ""
    metadata_xml: str = ""
    email_claim: str = ""
    name_claim: str = ""
    joins: bool = True
    role: str = Provider.Role.VIEWER
    second_there: bool = False
    hours: int = 12


def provider_set(
    *,
    actor: Actor,
    wanted: Wanted,
    held: Callable[[], AbstractContextManager[Any]] = transaction.atomic,
) -> Provider:
    """Set the provider up, or change it. Raises Invalid, Forbidden, SsoRefused, AddressRefused.

    What it says of itself is read first; then it is kept in the transaction of `held`. Where it
    leads elsewhere than before, it is off until it is tested again, and owners link themselves
    again: who runs a provider must not become one.
    """
    _admin(actor)
    wanted = replace(wanted, name=one_line(wanted.name))
    before = provider_of()
    if before is not None and before.kind != wanted.kind:
        before = None  # nothing of the other kind is kept
    _plain_check(wanted, before)
    issuer, metadata = _described(wanted, before)
    secret = wanted.secret.strip()
    sealed = secret_seal(secret, purpose=PURPOSE) if secret else before.secret if before else ""
    with held():
        was = Provider.objects.select_for_update().first()
        leads = (wanted.kind, issuer, wanted.client_id, wanted.metadata_url)
        claims = (wanted.email_claim, wanted.name_claim)
        same = kept = False
        if was is not None and not wanted.metadata_xml:
            same = leads == (was.kind, was.issuer, was.client_id, was.metadata_url)
            kept = same and not secret and claims == (was.email_claim, was.name_claim)
        provider, _made = Provider.objects.update_or_create(
            id=1,
            defaults={
                "kind": wanted.kind,
                "name": wanted.name,
                "issuer": issuer,
                "client_id": wanted.client_id,
                "secret": sealed,
                "metadata_url": wanted.metadata_url,
                "metadata": metadata,
                "read_at": timezone.now(),
                "email_claim": wanted.email_claim,
                "name_claim": wanted.name_claim,
                "joins": wanted.joins,
                "role": wanted.role,
                "second_there": wanted.second_there,
                "hours": wanted.hours,
                "state": was.state if same and was else State.OFF,
                "tested_at": was.tested_at if kept and was else None,
            },
        )
        if not same:
            ProviderLink.objects.filter(user__role=Role.OWNER).delete()
        audit_write(
            actor, action="sso.set", object_type="provider", kind=wanted.kind, issuer=issuer[:200],
            leads_elsewhere=not same, new_secret=bool(secret), role=wanted.role,
            joins=wanted.joins, second_there=wanted.second_there, hours=wanted.hours,
        )  # fmt: skip
    return provider


def _plain_check(wanted: Wanted, before: Provider | None) -> None:
    """Check what can be without asking anybody. Raises Invalid, AddressRefused."""
    if wanted.kind not in Provider.Kind.values:
        raise Invalid(_("Choose OpenID Connect or SAML 2.0."))
    if not 0 < len(wanted.name) <= 40:
        raise Invalid(_("Name the provider as people know it, in at most 40 characters."))
    if wanted.role not in Provider.Role.values:
        raise Invalid(_("Who joins becomes a viewer or a member."))
    if not 1 <= wanted.hours <= LONGEST_HOURS:
        raise Invalid(_("A session lasts between 1 and %(most)d hours.") % {"most": LONGEST_HOURS})
    if max(len(wanted.email_claim), len(wanted.name_claim)) > 200:
        raise Invalid(_("The name of a claim or attribute has at most 200 characters."))
    if wanted.kind == Provider.Kind.OIDC:
        if not wanted.issuer or not wanted.client_id:
            raise Invalid(_("Give the issuer and the client id."))
        if len(wanted.issuer) > 500 or len(wanted.client_id) > 255 or len(wanted.secret) > 1000:
            raise Invalid(_("The issuer, the client id or the secret is too long."))
        if not (wanted.client_id + wanted.secret).isprintable():
            raise Invalid(_("The client id or the secret holds a character that cannot be."))
        if url_check(wanted.issuer).query:
            raise Invalid(_("An issuer has no “?” in it."))
        return
    if wanted.metadata_url:
        url_check(wanted.metadata_url)
    elif not wanted.metadata_xml and (before is None or before.metadata_url):
        raise Invalid(_("Give the address of the provider's metadata, or paste the metadata."))
    if wanted.metadata_url and wanted.metadata_xml:
        raise Invalid(_("Give an address or the metadata itself, not both."))


def _described(wanted: Wanted, before: Provider | None) -> tuple[str, dict[str, Any]]:
    """Return the provider's own name and what it says of itself; what was pasted stays."""
    if wanted.kind == Provider.Kind.OIDC:
        return wanted.issuer, oidc.metadata_read(wanted.issuer)
    if wanted.metadata_xml:
        return samlxml.provider_described(wanted.metadata_xml.encode())
    if wanted.metadata_url:
        return samlxml.provider_described(oidc.text_read(wanted.metadata_url))
    assert before is not None  # `_plain_check` has seen to it
    return before.issuer, dict(before.metadata)


def metadata_fresh(provider: Provider) -> Mapping[str, Any]:
    """Return what is known of the provider, read again where it is a day old. Raises SsoRefused.

    A provider that does not answer is believed as it was, for seven days at most. Metadata that
    was pasted stands until it is replaced: its certificates say how long they are good for.
    """
    if provider.kind == Provider.Kind.SAML and not provider.metadata_url:
        return dict(provider.metadata)
    age = timezone.now() - (provider.read_at or timezone.now())
    if age <= FRESH:
        return dict(provider.metadata)
    try:
        return metadata_again(provider)
    except SsoRefused as refused:
        if age <= OLDEST and refused.code == "sso_unreachable":
            return dict(provider.metadata)
        raise


def metadata_again(provider: Provider) -> Mapping[str, Any]:
    """Read what the provider says of itself and keep it. Raises SsoRefused."""
    if provider.kind == Provider.Kind.OIDC:
        metadata = oidc.metadata_read(provider.issuer)
    elif provider.metadata_url:
        named, metadata = samlxml.provider_described(oidc.text_read(provider.metadata_url))
        if named != provider.issuer:
            raise SsoRefused(
                "sso_issuer",
                _("The metadata is now of %(named)s. Save the settings anew if that is right.")
                % {"named": named[:200]},
            )
    else:
        raise SsoRefused(
            "sso_metadata", _("The metadata was pasted: paste the provider's present one.")
        )
    Provider.objects.filter(id=provider.id, issuer=provider.issuer).update(
        metadata=metadata, read_at=timezone.now()
    )
    return metadata


def keys_again(provider: Provider, metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the keys, read again since a token names another; at most once a minute.

    Raises SsoRefused.
    """
    if not cache.add("sso:keys", "read", AGAIN):
        return list(metadata["keys"])
    return list(metadata_again(provider)["keys"])


def certificates_again(provider: Provider, metadata: Mapping[str, Any]) -> list[str]:
    """Return the certificates, read again since none fits; at most once a minute."""
    if not provider.metadata_url or not cache.add("sso:keys", "read", AGAIN):
        return list(metadata["certificates"])
    return list(metadata_again(provider)["certificates"])


def metadata_refresh(*, actor: Actor) -> Provider:
    """Read the provider's keys or certificates anew, at once. Raises NotFound, SsoRefused."""
    _admin(actor)
    provider = provider_require()
    metadata_again(provider)
    audit_write(actor, action="sso.refresh", object_type="provider", kind=provider.kind)
    return provider


def secret_of(provider: Provider) -> str:
    """Return the client secret; empty where there is none."""
    return secret_open(provider.secret, purpose=PURPOSE) if provider.secret else ""


def provider_require() -> Provider:
    """Return the provider. Raises NotFound."""
    provider = provider_of()
    if provider is None:
        raise NotFound
    return provider


@transaction.atomic
def provider_tested(*, actor: Actor, provider: Provider, code: str) -> None:
    """Note how a test run ended: `code` is empty where everything held."""
    if not code:
        Provider.objects.filter(
            id=provider.id, issuer=provider.issuer, client_id=provider.client_id,
            secret=provider.secret,
        ).update(tested_at=timezone.now())  # fmt: skip
    audit_write(
        actor, action="sso.test", object_type="provider", kind=provider.kind, code=code or "passed"
    )


@transaction.atomic
def state_set(*, actor: Actor, state: str, break_glass: UUID | None = None) -> Provider:
    """Switch the provider off or on, or require it. Raises Conflict, Invalid, Forbidden, NotFound.

    To require it, an owner with a password and a second factor is named who can always come in;
    the sessions of everybody else that a password began end.
    """
    _admin(actor)
    provider = Provider.objects.select_for_update().first()
    if provider is None:
        raise NotFound
    if state not in State.values:
        raise Invalid(_("Choose off, on or required."))
    if state != State.OFF and state != provider.state and provider.tested_at is None:
        raise Conflict(_("Run the test first: it must pass with the settings as they are now."))
    if state != State.OFF and not EmailDomain.objects.filter(verified_at__isnull=False).exists():
        raise Conflict(_("Verify a domain first."))
    was, provider.state = provider.state, state
    if state == State.REQUIRED:
        provider.break_glass = _keeper(break_glass)
    provider.save(update_fields=["state", "break_glass"])
    audit_write(
        actor, action="sso.state", object_type="provider", was=was, state=state,
        break_glass=str(provider.break_glass_id or ""),
    )  # fmt: skip
    if state == State.REQUIRED:
        _passwords_end(actor, provider)
    return provider


def _keeper(user_id: UUID | None) -> User:
    """Return the owner who comes in by password when the provider does not let anybody in."""
    owners = User.objects.filter(role=Role.OWNER, is_active=True)
    keeper = owners.filter(id=user_id).first() if user_id else None
    if keeper is None:
        raise Invalid(_("Choose the owner who can still sign in with a password."))
    if not keeper.has_usable_password():
        raise Conflict(_("That owner has no password; they set one by “Forgot it?” first."))
    if not Factor.objects.filter(user=keeper).exists():
        raise Conflict(
            _("That owner needs a second factor of their own first: a password alone is too weak.")
        )
    return keeper


def _passwords_end(actor: Actor, provider: Provider) -> None:
    """End what passwords have begun, but for the break-glass owner and whoever asks."""
    people = User.objects.filter(is_active=True, is_service=False).values_list("id", flat=True)
    sessions_end_of({*people} - {provider.break_glass_id, actor.user_id}, by_password=True)
    visits_without_end()


@transaction.atomic
def provider_remove(*, actor: Actor) -> None:
    """Forget the provider and whom it knows; passwords sign in again. Raises NotFound."""
    _admin(actor)
    if not Provider.objects.filter(id=1).delete()[0]:
        raise NotFound
    ProviderLink.objects.all().delete()
    audit_write(actor, action="sso.remove", object_type="provider")


def _admin(actor: Actor) -> None:
    if not role_reaches(actor.role, Role.ADMIN):
        raise Forbidden
