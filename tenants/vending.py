"""Credentials of the deployment's roles: vended by AssumeRole, cached, refreshed unseen.

A session is asked for by its role, name, tags and Region together. These are the cache's key, so
that a tenant that changes its plan or posture never signs with a session of the old one.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import structlog
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from tenants.context import TenantContext

log = structlog.get_logger(__name__)

Role = Literal["tenant", "ops", "batch", "retrieval", "knowledge"]

SESSION_SECONDS: Final = 3600  # role chaining allows no more
REFRESH_BEFORE: Final = 900  # seconds of life left when a refresh starts behind the caller's back
WAIT_BEFORE: Final = 60  # seconds of life left when the caller waits for a new session
EXPIRED_CODES: Final = frozenset({"ExpiredToken", "ExpiredTokenException"})


def role_arn(role: Role) -> str:
    """Return a role's ARN: beside the tenants' role, whose name ends in its own kind.

    `…:role/tenantry-tenant` has `…:role/tenantry-ops` beside it; a name that ends otherwise gets
    the kind appended.
    """
    tenant = str(settings.AWS_TENANT_ROLE_ARN)
    return tenant if role == "tenant" else f"{tenant.removesuffix('-tenant')}-{role}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One session: what AssumeRole is told."""

    role: Role
    name: str
    region: str
    tags: tuple[tuple[str, str], ...] = ()

    @classmethod
    def for_tenant(cls, tenant: TenantContext, role: Role = "tenant") -> "Wanted":
        """Return the session of a role in a tenant's name, with the tags policies read."""
        tags = (("TenantId", str(tenant.id)), ("Tier", tenant.plan), ("Posture", tenant.posture))
        return cls(role, f"{role}-{tenant.id.hex}", tenant.region, tags)

    def arguments(self) -> dict[str, Any]:
        """Return the parameters of AssumeRole."""
        return {
            "RoleArn": role_arn(self.role),
            "RoleSessionName": self.name,
            "DurationSeconds": SESSION_SECONDS,
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags],
        }


@dataclass(frozen=True, slots=True)
class _Vended:
    credentials: Credentials
    expires: float  # of time.monotonic()


class Vending:
    """Sessions by what was asked for. `assume` calls STS in a Region and returns its answer."""

    def __init__(self, assume: Callable[[Wanted], Any]) -> None:
        self._assume = assume
        self._vended: dict[Wanted, _Vended] = {}
        self._locks: dict[Wanted, threading.Lock] = {}  # one slow answer holds up one tenant
        self._refreshing: set[Wanted] = set()
        self._guard = threading.Lock()
        self.refused = 0  # calls that AWS refused for expired credentials, in this process

    def credentials(self, wanted: Wanted) -> Credentials:
        """Return credentials with a minute of life or more; seldom waits, see REFRESH_BEFORE."""
        vended = self._vended.get(wanted)
        left = vended.expires - time.monotonic() if vended else 0
        if vended is None or left <= WAIT_BEFORE:
            return self._renewed(wanted, older_than=vended)
        if left <= REFRESH_BEFORE:
            self._refresh_aside(wanted)
        return vended.credentials

    def replaced(self, wanted: Wanted, refused: Credentials) -> Credentials:
        """Return other credentials than those that AWS has just refused as expired."""
        self.refused += 1
        vended = self._vended.get(wanted)
        if vended is not None and vended.credentials is not refused:
            return vended.credentials
        return self._renewed(wanted, older_than=vended)

    def forget(self) -> None:
        """Forget every session: the next call of each asks for a new one."""
        self._vended.clear()

    def _renewed(self, wanted: Wanted, *, older_than: _Vended | None) -> Credentials:
        with self._locks.setdefault(wanted, threading.Lock()):
            vended = self._vended.get(wanted)
            if vended is None or vended is older_than:
                vended = self._take(wanted)
            return vended.credentials

    def _refresh_aside(self, wanted: Wanted) -> None:
        with self._guard:
            if wanted in self._refreshing:
                return
            self._refreshing.add(wanted)
        threading.Thread(target=self._refresh, args=(wanted,), daemon=True).start()

    def _refresh(self, wanted: Wanted) -> None:
        try:
            self._take(wanted)
        except (BotoCoreError, ClientError) as error:
            log.warning("aws.refresh_failed", role=wanted.role, error=type(error).__name__)
        finally:
            self._refreshing.discard(wanted)

    def _take(self, wanted: Wanted) -> _Vended:
        asked = time.monotonic()
        answer = self._assume(wanted)["Credentials"]
        vended = _Vended(
            Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"]),
            asked + SESSION_SECONDS,
        )
        self._vended[wanted] = vended
        for old, kept in list(self._vended.items()):  # sessions nobody asked for in an hour
            if kept.expires < asked:
                self._vended.pop(old, None)
                self._locks.pop(old, None)
        return vended
