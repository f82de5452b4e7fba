"""The receipt of an erasure, signed so that anyone can check it with the deployment's public key.

Ed25519 over the receipt's canonical JSON (keys sorted, no blanks), with a key made from the
deployment's secret.
"""

import base64
import hashlib
import json
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from tenants.context import TenantContext
from tenants.lifecycle.remains import rows_kept
from tenants.registry.models import Offboarding


def receipt(offboarding: Offboarding, tenant: TenantContext) -> dict[str, Any]:
    """Return what was erased where and when, in the steps' order, and what is kept and why."""
    lines = [line for step in offboarding.erased.values() for line in step]
    return {
        "workspace": tenant.slug,
        "tenant_id": str(tenant.id),
        "region": tenant.region,
        "requested_at": offboarding.requested_at.isoformat(timespec="seconds"),
        "finished_at": offboarding.finished_at
        and offboarding.finished_at.isoformat("T", "seconds"),
        "erased": lines,
        "last_raw_log_expires_by": max(
            (line["expires_by"] for line in lines if "expires_by" in line), default=None
        ),
        "kept": rows_kept(tenant),
        "public_key": public_key(),
    }


def signature(document: dict[str, Any]) -> str:
    """Return the document's signature, in base64."""
    return base64.b64encode(_key().sign(_canonical(document))).decode()


def is_genuine(document: dict[str, Any], signed: str, key: str) -> bool:
    """Check a receipt with the public key (base64) that the deployment publishes."""
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key))
        public.verify(base64.b64decode(signed), _canonical(document))
    except (InvalidSignature, ValueError):
        return False
    return True


def public_key() -> str:
    """Return the deployment's public key, in base64."""
    raw = _key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode()


@cache
def _key() -> Ed25519PrivateKey:
    seed = hashlib.sha256(b"tenantry.receipts:" + settings.SECRET_KEY.encode()).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def _canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
