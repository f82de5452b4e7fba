"""Embeddings: one text a call at the service, so several calls side by side.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
"""

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal
from uuid import UUID

from bedrock.conversing import metadata_of
from bedrock.errors import InputTooLong
from bedrock.estimates import tokens_of
from bedrock.failures import Failure, failure_of, pause
from bedrock.metering import MeteredCall, call_open, connection_rest, repeated
from bedrock.policy import Policy, policy_of
from billing.units import Unit
from tenants.aws import BotoCoreError, ClientError, client
from tenants.context import Actor, TenantContext, current, entered
from tenants.errors import Invalid

CHARACTERS_AT_MOST: Final = 50_000  # of one text
DOCUMENT_ATTEMPTS: Final = 4  # nobody waits for a document, and its other calls are paid already

# Shared by all tenants of a process. A few suffice: the calls are short, and their rate is limited.
_pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="embed")


@dataclass(slots=True)
class _Outcome:
    """What became of one text."""

    vector: list[float] | None = None
    tokens: int = 0
    lost_tokens: int = 0
    failures: list[Failure] = field(default_factory=list)


def embed(
    texts: Sequence[str],
    *,
    actor: Actor,
    feature: str,
    request_id: UUID,
    purpose: Literal["document", "query"],
) -> list[list[float]]:
    """Return one vector for each text, in order.

    Raises Invalid for a blank text, InputTooLong for one over 50,000 characters, RateLimited and
    QuotaExhausted before anything is sent, otherwise this app's errors. What was embedded before a
    failure is metered.
    """
    if not texts:
        return []
    if not all(text.strip() for text in texts):
        raise Invalid("An empty text cannot be embedded.")
    if any(len(text) > CHARACTERS_AT_MOST for text in texts):
        raise InputTooLong(f"A text to embed has at most {CHARACTERS_AT_MOST:,} characters.")
    tenant = current()
    policy = policy_of(tenant, "embedding")
    bounds = [tokens_of(text, policy.model) for text in texts]
    call = call_open(
        actor=actor,
        feature=feature,
        request_id=request_id,
        operation="InvokeModel",
        units={Unit.EMBEDDING: sum(bounds)},
        policy=policy,
    )
    attempts = None if purpose == "query" else DOCUMENT_ATTEMPTS
    stamp = metadata_of(feature, request_id, actor.user_id) | call.stamp
    sender = _Sender(tenant, policy, stamp, attempts)
    try:
        if len(texts) == 1:
            outcomes = [sender.send(texts[0], bounds[0])]
        else:
            connection_rest()
            outcomes = list(_pool.map(partial(_entered_send, sender), texts, bounds))
    except BaseException:
        call.estimate()
        raise
    return _settled(call, outcomes)


def _settled(call: MeteredCall, outcomes: list[_Outcome]) -> list[list[float]]:
    """Settle all the calls together and return the vectors, or raise the first failure."""
    last = None
    for outcome in outcomes:
        for number, failure in enumerate(outcome.failures, start=1):
            call.note(failure, may_be_billed=failure.may_be_billed, attempt=number)
        if outcome.vector is None and outcome.failures:
            last = last or outcome.failures[-1]
    used = sum(outcome.tokens + outcome.lost_tokens for outcome in outcomes)
    if used:
        lost = any(outcome.lost_tokens for outcome in outcomes)
        call.finish({Unit.EMBEDDING: used}, estimated=lost)
    else:
        call.cancel()
    if last is not None:
        raise last.error()
    return [outcome.vector for outcome in outcomes if outcome.vector is not None]


@dataclass(slots=True)
class _Sender:
    """Sends the texts of one `embed`. After a failure that stays, the rest is not sent."""

    tenant: TenantContext
    policy: Policy
    stamp: dict[str, str]
    attempts: int | None
    failed: threading.Event = field(default_factory=threading.Event)

    def send(self, text: str, bound: int) -> _Outcome:
        outcome = _Outcome()
        while not self.failed.is_set():
            try:
                vector, outcome.tokens = self._once(text)
            except (BotoCoreError, ClientError) as error:
                failure = failure_of(error)
                outcome.failures.append(failure)
                if failure.may_be_billed:
                    outcome.lost_tokens = bound
                if repeated(failure, len(outcome.failures), attempts=self.attempts):
                    connection_rest()
                    pause(len(outcome.failures), failure)
                    continue
                self.failed.set()
            else:
                outcome.vector = vector
                break
        return outcome

    def _once(self, text: str) -> tuple[list[float], int]:
        body = {
            "inputText": text,
            "dimensions": self.policy.model.dimensions,
            "normalize": True,
            "embeddingTypes": ["float"],
        }
        answer: Any = client("bedrock-runtime").invoke_model(
            modelId=self.policy.profile_arn,
            body=json.dumps(body),
            contentType="application/json",
            accept="application/json",
            requestMetadata=json.dumps(self.stamp),
        )
        found = json.loads(answer["body"].read())
        return found["embedding"], int(found["inputTextTokenCount"])


def _entered_send(sender: _Sender, text: str, bound: int) -> _Outcome:
    """Send one text from a thread of the pool: the call is signed for the tenant entered there."""
    with entered(sender.tenant):
        return sender.send(text, bound)
