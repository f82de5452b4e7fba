"""What a bucket's CORS configuration lets the pages of other origins do.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any
from xml.etree import ElementTree

from localaws.errors import AwsError

Headers = list[tuple[str, str]]


def answered(configuration: bytes | None, environ: Mapping[str, Any]) -> Headers:
    """Return the headers of a preflight's answer. Raises AwsError where it is refused."""
    if configuration is None:
        words = "CORSResponse: CORS is not enabled for this bucket."
        raise AwsError("AccessForbidden", words, status=403)
    found = allowed(
        configuration,
        environ,
        str(environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD", "")),
        str(environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")),
    )
    if not found:
        words = "CORSResponse: This CORS request is not allowed."
        raise AwsError("AccessForbidden", words, status=403)
    return found


def allowed(
    configuration: bytes | None, environ: Mapping[str, Any], method: str, headers: str = ""
) -> Headers:
    """Return what the first rule that fits an origin, a method and headers lets a page read."""
    origin = str(environ.get("HTTP_ORIGIN", ""))
    if not origin or configuration is None:
        return []
    asked = [name.strip().lower() for name in headers.split(",") if name.strip()]
    for rule in ElementTree.fromstring(configuration):  # noqa: S314 - as moto accepted it
        said = _values(rule)
        if not any(fnmatchcase(origin, pattern) for pattern in said.get("AllowedOrigin", [])):
            continue
        if method not in said.get("AllowedMethod", []):
            continue
        patterns = [pattern.lower() for pattern in said.get("AllowedHeader", [])]
        if not all(any(fnmatchcase(name, each) for each in patterns) for name in asked):
            continue
        found = [
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Allow-Methods", ", ".join(said["AllowedMethod"])),
            ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"),
        ]
        if asked:
            found.append(("Access-Control-Allow-Headers", ", ".join(asked)))
        if exposed := said.get("ExposeHeader"):
            found.append(("Access-Control-Expose-Headers", ", ".join(exposed)))
        if age := said.get("MaxAgeSeconds"):
            found.append(("Access-Control-Max-Age", age[0]))
        return found
    return []


def _values(rule: ElementTree.Element) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {}
    for member in rule:
        said.setdefault(member.tag.rpartition("}")[2], []).append((member.text or "").strip())
    return said
