"""Codes of authenticator apps: RFC 6238 with SHA-1, six digits, thirty seconds, as apps have it."""

import base64
import hashlib
import hmac
import secrets
import time
from typing import Final
from urllib.parse import quote

STEP: Final = 30  # seconds
DRIFT: Final = 1  # steps that a telephone's clock may be off, either way


def totp_secret() -> str:
    """Return a new secret: 160 random bits in base32."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def totp_code(secret: str, step: int) -> str:
    """Return the code of a step (RFC 4226's truncation)."""
    digest = hmac.new(base64.b32decode(secret), step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**6:06d}"


def totp_step(secret: str, code: str, *, after: int) -> int | None:
    """Return the step that the code is of, later than `after`; None where it is of none."""
    now = int(time.time()) // STEP
    given = code.encode(errors="replace")  # as texts, digits of other scripts cannot be compared
    for step in range(now - DRIFT, now + DRIFT + 1):
        if step > after and hmac.compare_digest(totp_code(secret, step).encode(), given):
            return step
    return None


def totp_address(secret: str, *, issuer: str, account: str) -> str:
    """Return the `otpauth:` address that an app reads from a QR code."""
    label = quote(f"{issuer}:{account}", safe="")
    return f"otpauth://totp/{label}?secret={secret}&issuer={quote(issuer, safe='')}"
