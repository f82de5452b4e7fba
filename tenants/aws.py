"""The only module that knows boto3: clients signed for the entered tenant, or for a role of ours.

One client per service and Region serves every tenant; each call is signed with the credentials of
the tenant that is entered when the call is made (building a client per tenant costs about 70 ms).
The credentials come from one AssumeRole per tenant, with session tags that the role's policies and
the cost reports read, and the tenant in the session's name, which invocation logs keep.

`ops_client` is for resources that belong to the deployment: buckets, guardrails, profiles, logging,
batch jobs, Knowledge Bases. `retrieval_client` reads the shared Knowledge Base, which no tenant's
session may. `deployment_client` has the process's own credentials: it takes the roles and, where
an operator lets it, makes them.
"""

import threading
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, overload

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.utils.translation import gettext_lazy

from tenants.awsway import lean
from tenants.context import current
from tenants.errors import OutsideRegion, TenantryError
from tenants.pinning import check_parameters, check_signature
from tenants.vending import EXPIRED_CODES, Vending, Wanted, role_arn

if TYPE_CHECKING:
    from mypy_boto3_bcm_data_exports import BillingandCostManagementDataExportsClient
    from mypy_boto3_bedrock import BedrockClient
    from mypy_boto3_bedrock_agent import AgentsforBedrockClient
    from mypy_boto3_bedrock_agent_runtime import AgentsforBedrockRuntimeClient
    from mypy_boto3_bedrock_runtime import BedrockRuntimeClient
    from mypy_boto3_ce import CostExplorerClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sts import STSClient

log = structlog.get_logger(__name__)

Owner = Literal["tenant", "ops", "retrieval", "deployment"]

OPS_SESSION: Final = "ops"

__all__ = [
    "AwsError",
    "BotoCoreError",
    "ClientError",
    "Unguarded",
    "client",
    "deployment_client",
    "ops_client",
    "retrieval_client",
    "role_arn",
    "translated",
]


class AwsError(TenantryError):
    """AWS refused or did not answer; `aws_code` is its own code."""

    code = "aws_error"
    status = 503
    retryable = True
    title = gettext_lazy("The cloud service behind this is not answering; try again shortly")

    def __init__(self, detail: str | None = None, *, aws_code: str = "", **extra: Any) -> None:
        self.aws_code = aws_code
        super().__init__(detail, **extra)


def translated(error: Exception) -> AwsError:
    """Return our error for one of botocore's. The message goes to the log, not to the user."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    log.warning("aws.error", aws_code=code, error=type(error).__name__, message=str(error)[:500])
    return AwsError(aws_code=code)


def _assume(wanted: Wanted) -> Any:
    return deployment_client("sts", wanted.region).assume_role(**wanted.arguments())


vending: Final = Vending(_assume)


def _wanted(owner: Owner, region: str) -> Wanted:
    """Return the session that a call of this client is signed with, at the moment of the call."""
    if owner == "tenant":
        return Wanted.for_tenant(current())
    if owner == "retrieval":
        return Wanted.for_tenant(current(), "retrieval")
    return Wanted("ops", OPS_SESSION, region)


class Unguarded(TenantryError):
    """A text call without a guardrail at a numbered version; it is not sent."""

    code = "model_unguarded"
    status = 500
    title = gettext_lazy(
        "This request would have gone to a model without its guardrail, so it was not sent"
    )


def _refuse_unguarded(params: dict[str, Any], **_: Any) -> None:
    """Refuse a text call that carries no guardrail, or DRAFT, whoever makes it.

    The roles' policies say the same in AWS; this is before anything leaves the process.
    """
    carried = params.get("guardrailConfig") or {}
    if (
        not carried.get("guardrailIdentifier")
        or not str(carried.get("guardrailVersion", "")).isdecimal()
    ):
        raise Unguarded


def _sign(owner: Owner, region: str, context: dict[str, Any]) -> None:
    """Give botocore the owner's credentials for this one request."""
    wanted = _wanted(owner, region)
    signing = context.setdefault("signing", {})
    signing["request_credentials"] = vending.credentials(wanted)
    signing["wanted"] = wanted


def _sign_again(
    response: Any, attempts: int, request_dict: dict[str, Any], **_: Any
) -> float | None:
    """Send a call once more with new credentials where AWS refused the old ones as expired.

    Such a refusal comes before any work and costs nothing. botocore signs each attempt anew.
    """
    code = response[1].get("Error", {}).get("Code") if response is not None else None
    if code not in EXPIRED_CODES or request_dict["context"].get("signed_again"):
        return None
    signing = request_dict["context"]["signing"]
    signing["request_credentials"] = vending.replaced(
        signing["wanted"], signing["request_credentials"]
    )
    request_dict["context"]["signed_again"] = True
    log.info("aws.credentials_expired", role=signing["wanted"].role, refused=vending.refused)
    return 0.0


USUAL_SILENCE: Final = 30.0  # seconds; what a model's row says unless staff have changed it


# botocore puts its own together anew for each call, twice: up to a tenth of a short one.
_AGENT: Final = f"Boto3/{boto3.__version__} Tenantry"  # and botocore's name follows


def _once(service: str) -> bool:
    return "runtime" in service or service == "bedrock-agent"


def _config(service: str, silence: float | None) -> Config:
    return Config(
        # `standard` counts attempts openly; the `legacy` default repeats paid calls after a read
        # time-out. A model call is never repeated below us: each attempt has to be metered, and
        # each change of a Knowledge Base counted (`bedrock/turnstile.py`).
        retries={"mode": "standard", "total_max_attempts": 1 if _once(service) else 3},
        connect_timeout=3,
        read_timeout=silence or (120 if "runtime" in service else 10),
        max_pool_connections=64,
        tcp_keepalive=True,
        user_agent=_AGENT,
        # Of a model call's parameters, which the gateway alone builds, the service says the same;
        # here each message and tool would be walked through before each call.
        parameter_validation="runtime" not in service,
        signature_version="s3v4" if service == "s3" else None,
        s3={"addressing_style": "path"} if service == "s3" else None,
    )


def _endpoint(service: str, region: str) -> str | None:
    """Return the address that the deployment has for a service in a Region, or AWS's own."""
    given = settings.AWS_ENDPOINTS.get(region, {})
    return given.get(service) or given.get("*")


def _stay(request: Any, region_name: str, **_: Any) -> None:
    """Refuse to sign for another Region, and build clients anew then.

    S3's client remembers the Region that an answer has named for a bucket: without that, a wrong
    answer would count until the process ends. Raises OutsideRegion.
    """
    try:
        check_signature(request, region_name)
    except OutsideRegion:
        _build.cache_clear()
        raise


@cache
def _session() -> boto3.session.Session:
    """Return the one session, which keeps the service models it has read; used under a lock."""
    return boto3.session.Session()


@cache
def _build(service: str, region: str, owner: Owner, silence: float | None) -> Any:
    made = _session().client(  # type: ignore[call-overload]
        service,
        region_name=region,
        endpoint_url=_endpoint(service, region),
        config=_config(service, silence),
    )
    if service == "bedrock-runtime":
        for operation in ("Converse", "ConverseStream"):
            made.meta.events.register_first(
                f"before-parameter-build.{service}.{operation}", _refuse_unguarded
            )
    if owner != "deployment":

        def sign(context: dict[str, Any], **_: Any) -> None:
            _sign(owner, region, context)

        def check(context: dict[str, Any], **event: Any) -> None:
            context.setdefault("client_region", region)  # a presigned address comes without
            check_parameters(context=context, **event)

        made.meta.events.register("before-parameter-build", sign)
        made.meta.events.register_first("before-parameter-build", check)
        made.meta.events.register("before-sign", _stay)
        made.meta.events.register_first("needs-retry", _sign_again)
    if service == "bedrock-runtime":
        lean(made)
    return made


_building = threading.Lock()


def _built(service: str, region: str, owner: Owner, silence: float | None = None) -> Any:
    with _building:  # two threads must not build the same client at once
        return _build(service, region, owner, silence)


@overload
def client(service: Literal["bedrock-runtime"]) -> "BedrockRuntimeClient": ...
@overload
def client(service: Literal["bedrock-agent-runtime"]) -> "AgentsforBedrockRuntimeClient": ...
@overload
def client(service: Literal["bedrock-agent"]) -> "AgentsforBedrockClient": ...
@overload
def client(service: Literal["s3"]) -> "S3Client": ...
def client(service: str) -> Any:
    """Return the client of the entered tenant's Region; each call is signed for that tenant."""
    return _built(service, current().region, "tenant")


def streaming_client(silence: float) -> "BedrockRuntimeClient":
    """Return the entered tenant's client for streams that may be silent for so many seconds.

    A read that takes longer raises botocore's ReadTimeoutError. Time-outs belong to a client, so
    each number has one of its own.
    """
    return _built("bedrock-runtime", current().region, "tenant", silence)  # type: ignore[no-any-return]


def checking_client() -> "BedrockRuntimeClient":
    """Return the entered tenant's client for guardrail checks, which answer within a second or two.

    One that is silent for `GUARDRAIL_SECONDS` is taken for away: what waits for it stays unsent.
    """
    return streaming_client(settings.GUARDRAIL_SECONDS)


@overload
def ops_client(service: Literal["bedrock"], region: str) -> "BedrockClient": ...
@overload
def ops_client(service: Literal["bedrock-agent"], region: str) -> "AgentsforBedrockClient": ...
@overload
def ops_client(
    service: Literal["bedrock-agent-runtime"], region: str
) -> "AgentsforBedrockRuntimeClient": ...
@overload
def ops_client(service: Literal["bedrock-runtime"], region: str) -> "BedrockRuntimeClient": ...
@overload
def ops_client(service: Literal["s3"], region: str) -> "S3Client": ...
@overload
def ops_client(service: Literal["ce"], region: str) -> "CostExplorerClient": ...
@overload
def ops_client(
    service: Literal["bcm-data-exports"], region: str
) -> "BillingandCostManagementDataExportsClient": ...
def ops_client(service: str, region: str) -> Any:
    """Return a client under the ops role, for resources no tenant owns and for batch jobs.

    Billing services (`ce`, `bcm-data-exports`) answer in us-east-1 alone.
    """
    return _built(service, region, "ops")


def retrieval_client(region: str) -> "AgentsforBedrockRuntimeClient":
    """Return the client that may read the shared Knowledge Base, in the entered tenant's name.

    IAM cannot force a Knowledge Base's filter: one function calls this, and it builds the filter.
    """
    return _built("bedrock-agent-runtime", region, "retrieval")  # type: ignore[no-any-return]


@overload
def deployment_client(service: Literal["sts"], region: str) -> "STSClient": ...
@overload
def deployment_client(service: Literal["iam"], region: str) -> "IAMClient": ...
def deployment_client(service: str, region: str) -> Any:
    """Return a client under the process's own credentials: to take roles, or to make them."""
    return _built(service, region, "deployment")


def clients_build(region: str) -> None:
    """Build what a first request of the Region's tenants would wait for; nothing is called."""
    for service in ("bedrock-runtime", "s3"):
        _built(service, region, "tenant")
    _built("bedrock-runtime", region, "tenant", USUAL_SILENCE)
    _built("sts", region, "deployment")
