"""Who calls: the account, Region and principal that a signed request names.

Signatures are not verified, since any key pair may call a local AWS, but those of addresses that
carry one (`presigned.py`); the credential scope says the
Region, and the access keys that AssumeRole gave out say which session calls, with which tags.
"""

from __future__ import annotations

import html
import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from localaws.errors import AwsError
from localaws.state import write_atomically

if TYPE_CHECKING:
    from localaws.iam.assuming import Grant

ACCOUNT = "123456789012"
REGION = "us-east-1"

_SCOPE = re.compile(r"([^/\s=]+)/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
# Signature version 2, which S3 still takes, names no scope: `AWS key:…`, `AWSAccessKeyId=key`.
_VERSION_2 = re.compile(r"(?:^AWS |AWSAccessKeyId=)([^:&\s]+)")
_KEEP_EXPIRED_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Caller:
    """The principal of one request."""

    account: str = ACCOUNT
    region: str = REGION
    service: str = ""
    access_key: str = ""
    arn: str = f"arn:aws:iam::{ACCOUNT}:user/local"
    session_tags: Mapping[str, str] = field(default_factory=dict)
    expired: bool = False
    secret: str = ""  # of a key that AssumeRole gave out
    # Of a role session: its role, the policies that narrow it, and the tags it hands on.
    role: str = ""
    session_policies: tuple[str, ...] = ()
    session_policy_arns: tuple[str, ...] = ()
    transitive: tuple[str, ...] = ()


@dataclass(frozen=True)
class Session:
    """What AssumeRole gave out."""

    arn: str
    tags: dict[str, str]
    expires: float
    role: str
    policies: tuple[str, ...] = ()
    policy_arns: tuple[str, ...] = ()
    transitive: tuple[str, ...] = ()
    secret: str = ""


def scope_of(environ: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """(access key, Region, service) of the credential scope, or None for an unsigned request."""
    signed = str(environ.get("HTTP_AUTHORIZATION", "")) or unquote(
        str(environ.get("QUERY_STRING", ""))
    )
    found = _SCOPE.search(signed)
    if found:
        return found[1], found[2], found[3]
    older = _VERSION_2.search(signed)
    return (older[1], REGION, "s3") if older else None


def signed_wrongly(environ: Mapping[str, Any]) -> AwsError | None:
    """What is said to a signature that names no scope, or to none where no S3 call goes without.

    S3's own POST to a key always has a query (`uploads`, `uploadId`, `restore`, `select`).
    """
    said = str(environ.get("HTTP_AUTHORIZATION", ""))
    if scope_of(environ) is not None or said.startswith("Bearer "):
        return None
    if said:
        words = "The Authorization header names no credential scope of Signature Version 4."
        return AwsError("IncompleteSignatureException", words, status=403)
    segments = str(environ.get("PATH_INFO", "")).strip("/").split("/")
    if environ["REQUEST_METHOD"] == "POST" and len(segments) > 1 and not environ["QUERY_STRING"]:
        return AwsError(
            "MissingAuthenticationTokenException", "Missing Authentication Token", status=403
        )
    return None


class Sessions:
    """The role sessions given out, kept on disk so that they outlive a restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        if path.exists():
            for key, fields in json.loads(path.read_text()).items():
                if "role" not in fields:  # of a release that kept none
                    continue
                for name in ("policies", "policy_arns", "transitive"):
                    fields[name] = tuple(fields[name])
                self._sessions[key] = Session(**fields)

    def identify(self, environ: Mapping[str, Any]) -> Caller:
        """The caller of a request; an unknown access key is the account's own user."""
        scope = scope_of(environ)
        if scope is None:
            bearer = str(environ.get("HTTP_AUTHORIZATION", "")).startswith("Bearer ")
            return Caller(service="bedrock" if bearer else "")
        access_key, region, service = scope
        session = self._sessions.get(access_key)
        if session is None:
            return Caller(region=region, service=service, access_key=access_key)
        return Caller(
            account=session.arn.split(":")[4],
            region=region,
            service=service,
            access_key=access_key,
            arn=session.arn,
            session_tags=session.tags,
            expired=session.expires < time.time(),
            secret=session.secret,
            role=session.role,
            session_policies=session.policies,
            session_policy_arns=session.policy_arns,
            transitive=session.transitive,
        )

    def remember(self, answer: str, grant: Grant) -> None:
        """Keep the session that an AssumeRole's XML answer gives out for a grant."""
        key = re.search(r"<AccessKeyId>([^<]+)</AccessKeyId>", answer)
        secret = re.search(r"<SecretAccessKey>([^<]+)</SecretAccessKey>", answer)
        arn = re.search(r"<Arn>([^<]+)</Arn>", answer)
        until = re.search(r"<Expiration>([^<]+)</Expiration>", answer)
        if not (key and secret and arn and until):
            return
        expires = datetime.fromisoformat(until[1].replace("Z", "+00:00")).timestamp()
        session = Session(
            arn=arn[1],
            tags=grant.tags,
            expires=expires,
            role=grant.role,
            policies=grant.policies,
            policy_arns=grant.policy_arns,
            transitive=grant.transitive,
            secret=html.unescape(secret[1]),
        )
        with self._lock:
            cut = time.time() - _KEEP_EXPIRED_SECONDS
            self._sessions = {k: s for k, s in self._sessions.items() if s.expires > cut}
            self._sessions[key[1]] = session
            self._save()

    def expire(self, access_key: str | None) -> int:
        """Let one session, or every one, run out now; returns how many."""
        with self._lock:
            gone = [key for key in self._sessions if access_key in (None, key)]
            for key in gone:
                self._sessions[key] = replace(self._sessions[key], expires=time.time() - 1)
            self._save()
        return len(gone)

    def _save(self) -> None:
        document = {key: asdict(session) for key, session in self._sessions.items()}
        write_atomically(self._path, json.dumps(document).encode())
