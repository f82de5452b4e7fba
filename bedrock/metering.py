"""One metered call: admitted, recorded, then settled once for each attempt that may have cost.

Every exit settles or releases. A process that dies in between leaves a reservation, which the
sweeper settles as an estimate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar
from uuid import UUID

import structlog
from django.db import DatabaseError, connection

from bedrock import policy as policies
from bedrock.calls import Usage
from bedrock.decisions import decision_along, failure_record
from bedrock.estimates import units_of
from bedrock.failures import Failure, Kind, failure_of, pause
from bedrock.policy import GuardrailPolicy, Policy
from bedrock.watching import ModelWatch
from billing.admission import Estimate, Reservation, admit
from billing.bucket import retry_take
from billing.catalog import plan_terms
from billing.reservations import ATTEMPTS_PER_CALL
from billing.settlement import release, settle
from billing.units import GUARDRAIL_KEY, Unit
from tenants.aws import BotoCoreError, ClientError
from tenants.context import Actor, current

R = TypeVar("R")
log = structlog.get_logger(__name__)

# The service's names of what a guardrail counts, by usage and by definition, and ours.
USAGE_UNITS: Final = {
    "contentPolicyUnits": Unit.GUARDRAIL_CONTENT,
    "contentPolicyImageUnits": Unit.GUARDRAIL_IMAGE,
    "topicPolicyUnits": Unit.GUARDRAIL_TOPIC,
    "wordPolicyUnits": Unit.GUARDRAIL_WORD,
    "sensitiveInformationPolicyUnits": Unit.GUARDRAIL_PII,
    "sensitiveInformationPolicyFreeUnits": Unit.GUARDRAIL_PII_REGEX,
    "contextualGroundingPolicyUnits": Unit.GUARDRAIL_GROUNDING,
}
POLICY_UNITS: Final = {
    "contentPolicyConfig": Unit.GUARDRAIL_CONTENT,
    "topicPolicyConfig": Unit.GUARDRAIL_TOPIC,
    "wordPolicyConfig": Unit.GUARDRAIL_WORD,
    "sensitiveInformationPolicyConfig": Unit.GUARDRAIL_PII,
    "contextualGroundingPolicyConfig": Unit.GUARDRAIL_GROUNDING,
}


def guardrail_estimate(guardrail: GuardrailPolicy, characters: int) -> dict[Unit, int]:
    """Return an upper bound of the text units that the guardrail's policies count."""
    units = units_of(characters)
    return {POLICY_UNITS[name]: units for name in guardrail.policies if name in POLICY_UNITS}


def units_of_usage(usage: Usage) -> dict[Unit, int]:
    """Return a usage in billable units."""
    units = {
        Unit.INPUT: usage.input_tokens,
        Unit.OUTPUT: usage.output_tokens,
        Unit.CACHE_READ: usage.cache_read_tokens,
        Unit.CACHE_WRITE: usage.cache_write_tokens,
        Unit.CACHE_WRITE_1H: usage.cache_write_1h_tokens,
    }
    for name, amount in usage.guardrail.items():
        if unit := USAGE_UNITS.get(name):
            units[unit] = amount
    return units


@dataclass(slots=True)
class MeteredCall:
    """An admitted call. Exactly one of `finish`, `estimate`, `give_up` ends it."""

    reservation: Reservation
    model: str
    profile_arn: str = ""
    guardrail: GuardrailPolicy | None = None
    attempt: int = 1
    ended: bool = False
    watch: ModelWatch = field(kw_only=True)

    @property
    def stamp(self) -> dict[str, str]:
        """What ties a logged call to its rows in the ledger, even where no answer arrives."""
        attempt = self.reservation.call * ATTEMPTS_PER_CALL + self.attempt
        return {"reservation": str(self.reservation.id), "attempt": str(attempt)}

    def prepared(self, prepare: Callable[[], R]) -> R:
        """Return what is to be sent; where it cannot be made, the call ends and cost nothing."""
        try:
            return prepare()
        except BaseException:
            self.cancel()
            raise

    def finish(
        self, units: Mapping[Unit, int], *, estimated: bool = False, late: bool = False
    ) -> None:
        """Settle what the service counted; `estimated` where part of it is only reckoned.

        `late` where the call holds so little that this may wait for the next settlement.
        """
        self._settle(units, estimated=estimated, final=True, late=late)

    def estimate(self, failure: Failure | None = None) -> None:
        """Settle the whole reservation as an estimate: what was used is not known."""
        if failure is not None:
            self.note(failure, may_be_billed=True)
        self._settle(self.reservation.estimate.units, estimated=True, final=True)

    def try_again(self, failure: Failure, *, may_be_billed: bool = False) -> bool:
        """Close an attempt that showed nothing and wait for the next one's turn, if it has one.

        A repetition comes out of the tenant's own share. Where it returns False the attempt is
        still open: the caller gives up, or settles it.
        """
        if not repeated(failure, self.attempt, paid=may_be_billed):
            return False
        self.note(failure, may_be_billed=may_be_billed)
        if may_be_billed:
            self._settle(self.reservation.estimate.units, estimated=True, final=False)
        connection_rest()
        pause(self.attempt, failure)
        self.watch.error = ""
        self.attempt += 1
        return True

    def give_up(self, failure: Failure) -> None:
        """End a call whose last attempt failed before anything was received."""
        if failure.kind is Kind.MISSING:
            policies.forget()  # the rows may have been mended meanwhile
        if failure.may_be_billed:
            self.estimate(failure)
        else:
            self.note(failure, may_be_billed=False)
            self.cancel()

    def cancel(self) -> None:
        """End a call that cost nothing."""
        if not self.ended:
            self.ended = True
            self.watch.end()
            try:
                release(self.reservation)
            except DatabaseError:
                log.exception("model.release_failed", reservation=str(self.reservation.id))

    def note(self, failure: Failure, *, may_be_billed: bool, attempt: int | None = None) -> None:
        """Keep a failed attempt countable; where that fails, the log has it."""
        self.watch.failed(failure.aws_code)
        try:
            failure_record(
                self.reservation,
                attempt=attempt or self.attempt,
                failure=failure,
                billed=may_be_billed,
            )
        except DatabaseError:
            log.exception("model.attempt_unrecorded", reservation=str(self.reservation.id))

    def _settle(
        self, units: Mapping[Unit, int], *, estimated: bool, final: bool, late: bool = False
    ) -> None:
        """Settle; where the database is gone the answer stands and the sweeper settles later."""
        if self.ended:
            return
        self.ended = final
        self.watch.count(units)
        if final:
            self.watch.end()
        try:
            settle(
                self.reservation,
                model=self.model,
                units=units,
                attempt=self.attempt,
                profile_arn=self.profile_arn,
                estimated=estimated,
                final=final,
                late=late,
                region=current().region,
            )
        except DatabaseError:
            log.exception("model.settle_failed", reservation=str(self.reservation.id))


def call_open(
    *,
    actor: Actor,
    feature: str,
    request_id: UUID,
    operation: str,
    units: Mapping[Unit, int],
    policy: Policy | None = None,
    guardrail: GuardrailPolicy | None = None,
    max_tokens: int | None = None,
    stream: bool = False,
    reason: str = "",
) -> MeteredCall:
    """Admit a call and record its policy. Raises RateLimited, QuotaExhausted: nothing is sent."""
    model = policy.price_model if policy else GUARDRAIL_KEY
    along = decision_along(
        actor=actor,
        feature=feature,
        request_id=request_id,
        operation=operation,
        policy=policy,
        guardrail=guardrail,
        stream=stream,
        max_tokens=max_tokens,
        reason=reason,
    )
    reservation = admit(
        actor=actor,
        feature=feature,
        request_id=request_id,
        estimate=Estimate(model=model, units=units),
        streams=stream,
        along=along,
    )
    profile = policy.profile_arn if policy else ""
    watch = ModelWatch(operation, policy.model.model_id if policy else model, feature, max_tokens)
    return MeteredCall(reservation, model, profile, guardrail, watch=watch)


def repeated(
    failure: Failure, attempt: int, *, paid: bool = False, attempts: int | None = None
) -> bool:
    """Take a repetition from the tenant's own share; False where there is none, or none helps.

    `attempts` is how many the call has, where that is not the usual number.
    """
    if not failure.may_be_sent_again or attempt >= (attempts or failure.attempts(paid=paid)):
        return False
    if retry_take(plan_terms(current().plan).rates):
        return True
    log.warning("model.retries_used_up", aws_code=failure.aws_code, attempt=attempt)
    return False


def connection_rest() -> None:
    """Give the database connection back to the pool while the service works.

    A model takes seconds: held that long, twenty answers at once would leave no connection to
    anybody else. A caller may have no cursor open across a call; a transaction keeps its own.
    """
    if not connection.in_atomic_block:
        connection.close()


def sent(call: MeteredCall, send: Callable[[], R]) -> R:
    """Send a call, again after a failure that passes and cost nothing; raise ours when it ends.

    Nothing has been shown yet, so that a repetition doubles no text.
    """
    while True:
        try:
            return send()
        except (BotoCoreError, ClientError) as error:
            failure = failure_of(error)
            if call.try_again(failure):
                continue
            call.give_up(failure)
            raise failure.error(checking=call.model == GUARDRAIL_KEY) from error
        except BaseException:
            call.cancel()
            raise
