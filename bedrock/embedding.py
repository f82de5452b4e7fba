"""Embeddings: as many texts a call as the model takes, several calls side by side."""

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from bedrock.conversing import metadata_of
from bedrock.embedding_formats import Format, Purpose, format_of
from bedrock.errors import EmbeddingModelChanged, InputTooLong
from bedrock.estimates import tokens_of
from bedrock.failures import Failure, failure_of, pause
from bedrock.masking import mask
from bedrock.metering import MeteredCall, call_open, connection_rest, repeated
from bedrock.policy import Policy, policy_of
from billing.units import Unit
from tenants.aws import BotoCoreError, ClientError, client
from tenants.context import Actor, TenantContext, current, entered
from tenants.errors import Invalid
from tenants.wording import grouped

DOCUMENT_ATTEMPTS: Final = 4  # nobody waits for a document, and its other calls are paid already

# Shared by all tenants of a process. They wait for the service most of the time; what they send is
# admitted before, so that no tenant passes its rate by them.
_pool = ThreadPoolExecutor(max_workers=32, thread_name_prefix="embed")


@dataclass(slots=True)
class _Outcome:
    """What became of the texts of one call. `lost_tokens` are reckoned, not counted."""

    vectors: list[list[float]] | None = None
    tokens: int = 0
    lost_tokens: int = 0
    failures: list[Failure] = field(default_factory=list)


def embed(
    texts: Sequence[str],
    *,
    actor: Actor,
    feature: str,
    request_id: UUID,
    purpose: Purpose,
    model: str | None = None,
) -> list[list[float]]:
    """Return one vector for each text, in order.

    `model` is the model whose vectors these must be: where another one serves by now, raises
    EmbeddingModelChanged. Raises Invalid for a blank text, InputTooLong for one over the model's
    characters, RateLimited and QuotaExhausted before anything is sent, otherwise this app's errors.
    What was embedded before a failure is metered.
    """
    if not texts:
        return []
    if not all(text.strip() for text in texts):
        raise Invalid(_("An empty text cannot be embedded."))
    texts = mask(texts, actor=actor, feature=feature, request_id=request_id)
    tenant = current()
    policy = policy_of(tenant, "embedding")
    if model is not None and policy.model.model_id != model:
        raise EmbeddingModelChanged
    form = format_of(policy.model.model_id)
    if any(len(text) > form.characters_at_most for text in texts):
        raise InputTooLong(
            _("A text to embed has at most %(most)s characters.")
            % {"most": grouped(form.characters_at_most)}
        )
    groups = list(_groups(texts, form.texts_per_call))
    bounds = [sum(tokens_of(text, policy.model) for text in group) for group in groups]
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
    sender = _Sender(tenant, policy, form, purpose, stamp, attempts)
    try:
        if len(groups) == 1:
            outcomes = [sender.send(groups[0], bounds[0])]
        else:
            connection_rest()
            outcomes = list(_pool.map(partial(_entered_send, sender), groups, bounds))
    except BaseException:
        call.estimate()
        raise
    return _settled(call, outcomes, late=purpose == "query")


def _groups(texts: Sequence[str], size: int) -> Iterator[list[str]]:
    rest = iter(texts)
    while group := list(islice(rest, size)):
        yield group


def _settled(call: MeteredCall, outcomes: list[_Outcome], *, late: bool) -> list[list[float]]:
    """Settle all the calls together and return the vectors, or raise the first failure."""
    last = None
    for outcome in outcomes:
        for number, failure in enumerate(outcome.failures, start=1):
            call.note(failure, may_be_billed=failure.may_be_billed, attempt=number)
        if outcome.vectors is None and outcome.failures:
            last = last or outcome.failures[-1]
    used = sum(outcome.tokens + outcome.lost_tokens for outcome in outcomes)
    if used:
        lost = any(outcome.lost_tokens for outcome in outcomes)
        call.finish({Unit.EMBEDDING: used}, estimated=lost, late=late)
    else:
        call.cancel()
    if last is not None:
        raise last.error()
    return [vector for outcome in outcomes for vector in outcome.vectors or ()]


@dataclass(slots=True)
class _Sender:
    """Sends the calls of one `embed`. After a failure that stays, the rest is not sent."""

    tenant: TenantContext
    policy: Policy
    form: Format
    purpose: Purpose
    stamp: dict[str, str]
    attempts: int | None
    failed: threading.Event = field(default_factory=threading.Event)

    def send(self, texts: Sequence[str], bound: int) -> _Outcome:
        outcome = _Outcome()
        while not self.failed.is_set():
            try:
                vectors, tokens = self._once(texts)
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
                outcome.vectors = vectors
                if tokens is None:  # not every model counts: the upper bound, marked as estimated
                    outcome.lost_tokens = bound
                else:
                    outcome.tokens = tokens
                break
        return outcome

    def _once(self, texts: Sequence[str]) -> tuple[list[list[float]], int | None]:
        answer: Any = client("bedrock-runtime").invoke_model(
            modelId=self.policy.profile_arn,
            body=json.dumps(self.form.body(texts, self.purpose, self.policy.model.dimensions or 0)),
            contentType="application/json",
            accept="application/json",
            requestMetadata=json.dumps(self.stamp),
        )
        found = json.loads(answer["body"].read())
        headers = answer["ResponseMetadata"].get("HTTPHeaders", {})
        return self.form.vectors(found), self.form.tokens(found, headers)


def _entered_send(sender: _Sender, texts: Sequence[str], bound: int) -> _Outcome:
    """Send one call from a thread of the pool: it is signed for the tenant entered there."""
    with entered(sender.tenant):
        return sender.send(texts, bound)
