"""The only module that knows boto3: clients signed for the entered tenant.

One client per service and Region serves every tenant; each call is signed with the credentials of
the tenant that is entered when the call is made (building a client per tenant costs about 70 ms).
The credentials come from one AssumeRole per tenant, with session tags that the role's policies and
the cost reports read, and the tenant in the session's name, which invocation logs keep.

`ops_client` is for resources that belong to the deployment: buckets, guardrails, profiles, logging.
"""

import threading
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, overload

import boto3
import structlog
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from tenants.context import TenantContext, current
from tenants.errors import TenantryError

if TYPE_CHECKING:
    from mypy_boto3_bedrock import BedrockClient
    from mypy_boto3_bedrock_runtime import BedrockRuntimeClient
    from mypy_boto3_s3 import S3Client

log = structlog.get_logger(__name__)

SESSION_SECONDS: Final = 3600  # role chaining allows no more
REFRESH_BEFORE: Final = 900  # seconds of life left when a refresh starts behind the caller's back

__all__ = ["AwsError", "BotoCoreError", "ClientError", "client", "ops_client", "translated"]


class AwsError(TenantryError):
    """AWS refused or did not answer; `aws_code` is its own code."""

    code = "aws_error"
    status = 503
    retryable = True
    title = "The cloud service behind this is not answering; try again shortly"

    def __init__(self, detail: str | None = None, *, aws_code: str = "", **extra: Any) -> None:
        self.aws_code = aws_code
        super().__init__(detail, **extra)


def translated(error: Exception) -> AwsError:
    """Return our error for one of botocore's. The message goes to the log, not to the user."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    log.warning("aws.error", aws_code=code, error=type(error).__name__, message=str(error)[:500])
    return AwsError(aws_code=code)


@dataclass(frozen=True, slots=True)
class _Vended:
    credentials: Credentials
    expires: float


class _Vending:
    """Credentials by tenant and tags: cached, refreshed in a thread before they run out."""

    def __init__(self) -> None:
        self._vended: dict[tuple[str, ...], _Vended] = {}
        self._locks: dict[
            tuple[str, ...], threading.Lock
        ] = {}  # one slow answer holds up one tenant
        self._refreshing: set[tuple[str, ...]] = set()

    def credentials(self, tenant: TenantContext) -> Credentials:
        key = (tenant.id.hex, tenant.plan, tenant.posture, tenant.region)
        vended = self._vended.get(key)
        left = vended.expires - time.monotonic() if vended else 0
        if vended is None or left <= 60:
            with self._locks.setdefault(key, threading.Lock()):
                vended = self._vended.get(key)
                if vended is None or vended.expires - time.monotonic() <= 60:
                    vended = self._vended[key] = self._assume(tenant)
        elif left <= REFRESH_BEFORE and key not in self._refreshing:
            self._refreshing.add(key)
            threading.Thread(target=self._refresh, args=(key, tenant), daemon=True).start()
        return vended.credentials

    def _refresh(self, key: tuple[str, ...], tenant: TenantContext) -> None:
        try:
            self._vended[key] = self._assume(tenant)
        except (BotoCoreError, ClientError) as error:
            log.warning("aws.refresh_failed", error=type(error).__name__)
        finally:
            self._refreshing.discard(key)

    def _assume(self, tenant: TenantContext) -> _Vended:
        answer = _sts(tenant.region).assume_role(
            RoleArn=settings.AWS_TENANT_ROLE_ARN,
            RoleSessionName=f"tenant-{tenant.id.hex}",
            DurationSeconds=SESSION_SECONDS,
            Tags=[
                {"Key": "TenantId", "Value": str(tenant.id)},
                {"Key": "Tier", "Value": tenant.plan},
                {"Key": "Posture", "Value": tenant.posture},
            ],
        )["Credentials"]
        return _Vended(
            Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"]),
            time.monotonic() + SESSION_SECONDS,
        )


_vending = _Vending()


def _sign_for_tenant(context: dict[str, Any], **_: Any) -> None:
    """Give botocore the entered tenant's credentials for this one request."""
    context.setdefault("signing", {})["request_credentials"] = _vending.credentials(current())


def _config(service: str) -> Config:
    return Config(
        # `standard` counts attempts openly; the `legacy` default repeats paid calls after a read
        # time-out. A model call is never repeated below us: each attempt has to be metered.
        retries={"mode": "standard", "total_max_attempts": 1 if "runtime" in service else 3},
        connect_timeout=3,
        read_timeout=120 if "runtime" in service else 10,
        max_pool_connections=64,
        tcp_keepalive=True,
        signature_version="s3v4" if service == "s3" else None,
        s3={"addressing_style": "path"} if service == "s3" else None,
    )


def _sts(region: str) -> Any:
    return _built("sts", region, "ops")


@cache
def _session() -> boto3.session.Session:
    """Return the one session, which keeps the service models it has read; used under a lock."""
    return boto3.session.Session()


@cache
def _build(service: str, region: str, owner: Literal["tenant", "ops"]) -> Any:
    made = _session().client(  # type: ignore[call-overload]
        service, region_name=region, config=_config(service)
    )
    if owner == "tenant":
        made.meta.events.register(f"before-parameter-build.{service}.*", _sign_for_tenant)
    return made


_building = threading.Lock()


def _built(service: str, region: str, owner: Literal["tenant", "ops"]) -> Any:
    with _building:  # two threads must not build the same client at once
        return _build(service, region, owner)


@overload
def client(service: Literal["bedrock-runtime"]) -> "BedrockRuntimeClient": ...
@overload
def client(service: Literal["s3"]) -> "S3Client": ...
def client(service: str) -> Any:
    """Return the client of the entered tenant's Region; each call is signed for that tenant."""
    return _built(service, current().region, "tenant")


@overload
def ops_client(service: Literal["bedrock"], region: str) -> "BedrockClient": ...
@overload
def ops_client(service: Literal["s3"], region: str) -> "S3Client": ...
@overload
def ops_client(service: Literal["bedrock-runtime"], region: str) -> "BedrockRuntimeClient": ...
def ops_client(service: str, region: str) -> Any:
    """Return a client under the deployment's own credentials, for resources no tenant owns."""
    return _built(service, region, "ops")


def clients_build(region: str) -> None:
    """Build what a first request of the Region's tenants would wait for; nothing is called."""
    for service in ("bedrock-runtime", "s3"):
        _built(service, region, "tenant")
    _sts(region)
