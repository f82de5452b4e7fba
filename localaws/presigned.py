"""Addresses that carry their signature: good until they expire, for what was signed alone.

Other signatures are not verified (`identity.py`); these are, where AssumeRole gave the key out,
since a page hands them to others: the method, path, query and headers that are signed must be the
request's own. https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote

from localaws.errors import AwsError
from localaws.identity import Caller
from localaws.wire import raw_path

_SIGNATURE = "X-Amz-Signature"
_MOMENT = "%Y%m%dT%H%M%SZ"


def check(environ: Mapping[str, Any], caller: Caller) -> None:
    """Refuse an address that has expired, or that is used for something else. Raises AwsError."""
    query = parse_qsl(str(environ.get("QUERY_STRING", "")), keep_blank_values=True)
    said = dict(query)
    if _SIGNATURE not in said:
        return
    try:
        signed = datetime.strptime(said["X-Amz-Date"], _MOMENT).replace(tzinfo=UTC)
        seconds = int(said["X-Amz-Expires"])
        headers, scope = said["X-Amz-SignedHeaders"], said["X-Amz-Credential"].split("/", 1)[1]
    except (KeyError, ValueError, IndexError) as error:
        words = (
            "Query-string authentication version 4 requires the X-Amz-Credential, X-Amz-Date, "
            "X-Amz-SignedHeaders and X-Amz-Expires parameters."
        )
        raise AwsError("AuthorizationQueryParametersError", words, status=400) from error
    if datetime.now(UTC) > signed + timedelta(seconds=seconds):
        raise AwsError("AccessDenied", "Request has expired", status=403)
    if caller.secret and not hmac.compare_digest(
        _signature(environ, query, headers, scope, caller.secret), said[_SIGNATURE]
    ):
        words = (
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method."
        )
        raise AwsError("SignatureDoesNotMatch", words, status=403)


def _signature(
    environ: Mapping[str, Any],
    query: list[tuple[str, str]],
    headers: str,
    scope: str,
    secret: str,
) -> str:
    canonical = "\n".join(
        [
            str(environ["REQUEST_METHOD"]),
            raw_path(environ),
            "&".join(
                f"{_quoted(name)}={_quoted(value)}"
                for name, value in sorted(query)
                if name != _SIGNATURE
            ),
            *(f"{name}:{_header(environ, name)}" for name in headers.split(";")),
            "",
            headers,
            "UNSIGNED-PAYLOAD",
        ]
    )
    text = "\n".join(
        [
            "AWS4-HMAC-SHA256",
            dict(query)["X-Amz-Date"],
            scope,
            hashlib.sha256(canonical.encode()).hexdigest(),
        ]
    )
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


def _header(environ: Mapping[str, Any], name: str) -> str:
    key = name.upper().replace("-", "_")
    found = environ.get(key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{key}", "")
    return " ".join(str(found).split())
