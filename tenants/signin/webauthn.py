"""Security keys and passkeys: WebAuthn, whose cryptography is fido2's.

Credentials belong to the workspace's own host: another workspace's page can neither use nor see
them. The page's origin is compared whole, scheme and port included.
https://www.w3.org/TR/webauthn-3/
"""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    UserVerificationRequirement,
)

from tenants.accounts.models import User
from tenants.errors import Invalid
from tenants.signin.models import Factor
from tenants.signin.policy import asked_by

State = dict[str, Any]


def origin_of(request: HttpRequest) -> str:
    """Return the origin of the workspace's own pages, as the browser names it."""
    return f"{settings.PUBLIC_SCHEME}://{request.get_host()}"


def _server(origin: str) -> Fido2Server:
    host = urlsplit(origin).hostname or ""
    party = PublicKeyCredentialRpEntity(name=asked_by(), id=host)
    return Fido2Server(party, verify_origin=lambda given: given == origin)


def _known(factors: list[Factor]) -> list[AttestedCredentialData]:
    return [AttestedCredentialData(bytes(each.credential or b"")) for each in factors]


def register_options(
    origin: str, user: User, factors: list[Factor]
) -> tuple[dict[str, Any], State]:
    """Return what the browser needs to make a credential, and what the session must keep."""
    options, state = _server(origin).register_begin(
        PublicKeyCredentialUserEntity(
            id=user.id.bytes, name=user.email, display_name=user.name or user.email
        ),
        _known(factors),
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    return dict(options), dict(state)


def register_check(origin: str, state: State, answer: Any) -> bytes:
    """Return the new credential. Raises Invalid."""
    try:
        data = _server(origin).register_complete(state, answer)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Invalid(_("The security key's answer does not fit; try again.")) from error
    if data.credential_data is None:
        raise Invalid(_("The security key gave no credential; try again."))
    return bytes(data.credential_data)


def assert_options(origin: str, factors: list[Factor]) -> tuple[dict[str, Any], State]:
    """Return what the browser needs to use a credential, and what the session must keep."""
    options, state = _server(origin).authenticate_begin(
        _known(factors), user_verification=UserVerificationRequirement.PREFERRED
    )
    return dict(options), dict(state)


def assert_check(
    origin: str, state: State, factors: list[Factor], answer: Any
) -> tuple[Factor, int]:
    """Return the factor that was used and its new signature count. Raises Invalid."""
    from fido2.webauthn import AuthenticationResponse

    try:
        used = _server(origin).authenticate_complete(state, _known(factors), answer)
        count = AuthenticationResponse.from_dict(answer).response.authenticator_data.counter
    except Exception as error:  # fido2 raises cryptography's InvalidSignature and its own
        raise Invalid(_("The security key's answer does not fit; try again.")) from error
    for factor, known in zip(factors, _known(factors), strict=True):
        if known.credential_id == used.credential_id:
            return factor, count
    raise Invalid(_("This security key is not known here."))
