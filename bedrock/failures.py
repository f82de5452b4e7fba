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
    GuardrailUnavailable,
    InputTooLong,
    ModelError,
    ModelRefused,
    ModelThrottled,
    ModelUnavailable,
    NotProvisioned,
)
from tenants.aws import ClientError

log = structlog.get_logger(__name__)

PAUSE_SECONDS: Final = 0.1  # at the most before the second attempt, then doubled; jittered to 0
PAUSE_AT_MOST: Final = 2.0
ATTEMPTS_PAID: Final = 2  # of a call whose attempts may be billed though they brought nothing

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


# Half of the calls throttled leave one in sixty-four without an answer after six attempts.
ATTEMPTS: Final = {Kind.THROTTLED: 6, Kind.PASSING: 2}


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed call, judged."""

    kind: Kind
    aws_code: str
    message: str
    retry_after: float | None = None

    @property
    def may_be_sent_again(self) -> bool:
        return self.kind in ATTEMPTS

    def attempts(self, *, paid: bool) -> int:
        """Return how many attempts a call that failed like this has, the first included."""
        wanted = ATTEMPTS.get(self.kind, 1)
        return min(wanted, ATTEMPTS_PAID) if paid else wanted

    @property
    def may_be_billed(self) -> bool:
        return self.kind is Kind.LOST

    def error(self, *, checking: bool = False) -> ModelError:
        """Return ours; `checking`: of a guardrail's own call.

        AWS's message names resources of the deployment, so it is only logged.
        """
        match self.kind:
            case Kind.THROTTLED:
                return ModelThrottled(retry_after=max(1, round(self.retry_after or 2)))
            case Kind.PASSING | Kind.LOST:
                unavailable = GuardrailUnavailable if checking else ModelUnavailable
                return unavailable(retry_after=2)
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
    """Wait before the next attempt: what AWS asks for, else up to a bound that doubles; never long.

    The whole wait is jittered, so that calls that failed together do not come back together.
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
    """
    most = min(PAUSE_AT_MOST, PAUSE_SECONDS * 2 ** (attempt - 1))
    wait = random.uniform(0, most)  # noqa: S311 - only jitter
    if failure.retry_after is not None:
        wait = min(PAUSE_AT_MOST, failure.retry_after) + random.uniform(0, PAUSE_SECONDS)  # noqa: S311
    time.sleep(wait)
