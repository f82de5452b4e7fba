"""Secrets that must be read again, as rows may hold them: encrypted, and good in one tenant alone.

AES-256-GCM under a key derived from `SECRET_KEY`; the tenant's id and what the secret is for are
authenticated with it, so that a row copied elsewhere opens nothing. A new `SECRET_KEY` makes all of
them unreadable: they are then to be set anew.
"""

import base64
import secrets
from functools import cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.translation import gettext as _

from tenants.context import current, in_staff_scope
from tenants.errors import Unavailable

NONCE: Final = 12  # bytes


@cache
def _cipher(secret_key: str) -> AESGCM:
    derived = HKDF(SHA256(), 32, salt=None, info=b"tenantry secretbox 1")
    return AESGCM(derived.derive(secret_key.encode()))


def secret_seal(secret: str, *, purpose: str) -> str:
    """Return the secret as the entered tenant's rows hold it; of staff, as `public`'s do."""
    nonce = secrets.token_bytes(NONCE)
    sealed = _cipher(settings.SECRET_KEY).encrypt(nonce, secret.encode(), _bound(purpose))
    return base64.b64encode(nonce + sealed).decode()


def secret_open(sealed: str, *, purpose: str) -> str:
    """Return what `secret_seal` sealed here. Raises Unavailable where it cannot be read."""
    raw = base64.b64decode(sealed)
    try:
        opened = _cipher(settings.SECRET_KEY).decrypt(raw[:NONCE], raw[NONCE:], _bound(purpose))
    except InvalidTag as error:
        raise Unavailable(_("A stored secret cannot be read any more; set it anew.")) from error
    return opened.decode()


def _bound(purpose: str) -> bytes:
    owner = "staff" if in_staff_scope() else current().id.hex
    return f"{owner}:{purpose}".encode()
