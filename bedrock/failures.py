"""What a failed AWS call means: whether it may be sent again, whether it may have been billed.

botocore sends model calls once (`tenants/aws.py`), so that each attempt is ours and is metered. A
request that AWS answered with an error is not billed. One whose answer was lost may be: it is
settled from the reservation, marked as an estimate, and never repeated.
"""

import random
import time
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import structlog
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError

from bedrock.errors import (
    InputTooLong,
    ModelError,
    ModelRefused,
    ModelThrottled,
    ModelUnavailable,
    NotProvisioned,
)
from tenants.aws import ClientError

log = structlog.get_logger(__name__)

ATTEMPTS: Final = 2
PAUSE_SECONDS: Final = (
    0.1  # doubled with each attempt, then jittered between half and one and a half
)
PAUSE_AT_MOST: Final = 2.0

THROTTLED: Final = {"throttlingexception", "toomanyrequestsexception", "modelnotreadyexception"}
PASSING: Final = {"internalserverexception", "serviceunavailableexception"}
MISSING: Final = {"accessdeniedexception", "resourcenotfoundexception"}
# Sent nothing: the connection itself did not come about.
NOT_SENT: Final = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError)


class Kind(Enum):
    THROTTLED = "throttled"
    PASSING = "passing"
    LOST = "lost"
    REFUSED = "refused"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed call, judged."""

    kind: Kind
    aws_code: str
    message: str
    retry_after: float | None = None

    @property
    def may_be_sent_again(self) -> bool:
        return self.kind in (Kind.THROTTLED, Kind.PASSING)

    @property
    def may_be_billed(self) -> bool:
        return self.kind is Kind.LOST

    def error(self) -> ModelError:
        """Return ours. AWS's message names resources of the deployment, so it is only logged."""
        match self.kind:
            case Kind.THROTTLED:
                return ModelThrottled(retry_after=max(1, round(self.retry_after or 2)))
            case Kind.PASSING | Kind.LOST:
                return ModelUnavailable(retry_after=2)
            case Kind.MISSING:
                return NotProvisioned()
        return InputTooLong() if "too long" in self.message.lower() else ModelRefused()


def failure_of(error: Exception) -> Failure:
    """Judge an exception of botocore's, raised before the answer began or inside the stream."""
    if not isinstance(error, ClientError):
        kind = Kind.PASSING if isinstance(error, NOT_SENT) else Kind.LOST
        found = Failure(kind, type(error).__name__, str(error)[:300])
    else:
        found = _of_answer(error)
    log.warning(
        "model.failed", kind=found.kind.value, aws_code=found.aws_code, message=found.message
    )
    return found


def _of_answer(error: ClientError) -> Failure:
    code = str(error.response.get("Error", {}).get("Code", ""))
    message = str(error.response.get("Error", {}).get("Message", ""))[:300]
    answer: dict[str, Any] = dict(error.response.get("ResponseMetadata", {}))
    status = int(answer.get("HTTPStatusCode", 0))
    name = code.lower()
    # A guardrail that is gone is a ValidationException: the deployment's fault, not the text's.
    if name in MISSING or "guardrail identifier" in message.lower():
        return Failure(Kind.MISSING, code, message)
    if name in THROTTLED or status == 429:
        return Failure(Kind.THROTTLED, code, message, _retry_after(answer))
    if name in PASSING or status >= 500:
        return Failure(Kind.PASSING, code, message, _retry_after(answer))
    if name in ("modelerrorexception", "modeltimeoutexception", "modelstreamerrorexception"):
        return Failure(Kind.LOST, code, message)
    return Failure(Kind.REFUSED, code, message)


def _retry_after(answer: dict[str, Any]) -> float | None:
    value = str(answer.get("HTTPHeaders", {}).get("retry-after", ""))
    return float(value) if value.isdecimal() else None


def pause(attempt: int, failure: Failure) -> None:
    """Wait before the next attempt: what AWS asks for, else doubling, with jitter, never long."""
    wanted = failure.retry_after or PAUSE_SECONDS * 2 ** (attempt - 1)
    time.sleep(min(PAUSE_AT_MOST, wanted * random.uniform(0.5, 1.5)))  # noqa: S311 - only jitter
