"""Text calls, streamed: deltas as they come, and the meter run to its end whatever happens.

Usage comes in the last event, and an abandoned stream is billed whole. So the stream is always read
to its end: by the caller's own iteration, after Stop without showing more, and behind the back of a
caller that went away.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog
from django.db import connection

from bedrock.calls import (
    Finished,
    ModelAnswer,
    ModelRequest,
    StreamEvent,
    TextDelta,
    ToolUse,
    Usage,
)
from bedrock.conversing import (
    answer_of,
    answer_refused,
    converse_parameters,
    stamped,
    text_call_routed,
    trace_recorded,
    usage_of,
)
from bedrock.errors import ModelStreamInterrupted, TextBlocked
from bedrock.failures import Failure, Kind, failure_of
from bedrock.masking import masked_request, refused
from bedrock.metering import MeteredCall, connection_rest, sent, units_of_usage
from bedrock.policy import Policy
from bedrock.screening import Screen, call_refused, screen_of
from bedrock.toolresults import results_screened
from tenants.aws import ClientError, streaming_client
from tenants.context import TenantContext, current, entered
from tenants.eventframes import events_of

log = structlog.get_logger(__name__)

DRAIN_SECONDS: Final = 60.0  # how long a stream nobody reads is followed before it is estimated


def never() -> bool:
    """Say that nobody has asked to stop."""
    return False


class _Broken(Exception):
    """The stream ended without its end; `failure` says how."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


@dataclass(slots=True)
class _Reading:
    """One open stream and what has been read of it."""

    request: ModelRequest
    policy: Policy
    call: MeteredCall
    stream: Any
    text: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    tool_uses: list[ToolUse] = field(default_factory=list)
    stop_reason: str = ""
    usage: Usage | None = None
    trace: dict[str, Any] = field(default_factory=dict)
    _parts: dict[int, tuple[str, str, list[str]]] = field(default_factory=dict)
    _events: Iterator[dict[str, Any]] = field(init=False)  # whoever reads on has the rest of them

    def __post_init__(self) -> None:
        self._events = events_of(self.stream)

    def events(self) -> Iterator[TextDelta | ToolUse | None]:
        """Read to the end; yields None for events that show nothing. Raises _Broken."""
        while True:
            try:
                event = next(self._events, None)
            except Exception as error:  # botocore's, urllib3's or the frame parser's own
                self.stream.close()
                raise _Broken(_failure_in_stream(error)) from error
            if event is None:
                break
            yield self._taken(event)
        self.stream.close()
        if not self.stop_reason:
            raise _Broken(Failure(Kind.LOST, "StreamCut", "the stream ended in the middle"))

    def _taken(self, event: dict[str, Any]) -> TextDelta | ToolUse | None:
        if found := event.get("contentBlockDelta"):
            delta, index = found["delta"], found["contentBlockIndex"]
            if "text" in delta:
                self.text.append(delta["text"])
                return TextDelta(delta["text"])
            if "toolUse" in delta and index in self._parts:
                self._parts[index][2].append(delta["toolUse"]["input"])
        elif found := event.get("contentBlockStart"):
            if tool := found["start"].get("toolUse"):
                self._parts[found["contentBlockIndex"]] = (tool["toolUseId"], tool["name"], [])
        elif found := event.get("contentBlockStop"):
            return self._tool(found["contentBlockIndex"])
        elif found := event.get("messageStop"):
            self.stop_reason = found["stopReason"]
        elif found := event.get("metadata"):
            self.trace = found.get("trace", {}).get("guardrail", {})
            if "usage" in found:
                self.usage = usage_of(found["usage"], self.trace)
        return None

    def _tool(self, index: int) -> ToolUse | None:
        """Return the finished tool call of a block; its input comes as pieces of JSON text."""
        if index not in self._parts:
            return None
        identifier, name, parts = self._parts.pop(index)
        try:
            arguments = json.loads("".join(parts) or "{}")
        except ValueError as error:
            self.stream.close()
            failure = Failure(Kind.LOST, "MalformedToolUse", "a tool's input is not JSON")
            raise _Broken(failure) from error
        use = ToolUse(identifier, name, arguments)
        self.tool_uses.append(use)
        return use

    def settle(self) -> None:
        """Settle what the metadata event said; without one, the reservation, as an estimate."""
        if self.usage is not None:
            self.call.finish(units_of_usage(self.usage))
        else:
            self.call.estimate()

    def answer(self, *, stopped: bool) -> ModelAnswer:
        """Return the answer; of a stopped one what was shown, and no tool is to run."""
        trace_recorded(self.call, self.policy, self.trace)
        answer = answer_of(
            self.request,
            self.policy,
            text="".join(self.shown if stopped else self.text),
            tool_uses=() if stopped else tuple(self.tool_uses),
            stop_reason=self.stop_reason,
            usage=self.usage or Usage(estimated=True),
            trace=self.trace,
        )
        return replace(answer, stop_reason="stopped") if stopped else answer

    @property
    def unshown(self) -> str:
        """What has arrived and was held back."""
        return "".join(self.text)[sum(map(len, self.shown)) :]

    def drain(self, within: float = DRAIN_SECONDS) -> None:
        """Read to the end without showing anything, and settle."""
        until = time.monotonic() + within
        try:
            for _ in self.events():
                if time.monotonic() > until:
                    self.stream.close()
                    break
        except _Broken as broken:
            self.call.estimate(broken.failure)
        else:
            self.settle()


def _failure_in_stream(error: Exception) -> Failure:
    """Judge an error after the stream began. The attempt may be billed, whatever its code."""
    if isinstance(error, ClientError):
        found = failure_of(error)
        kind = found.kind if found.may_be_sent_again else Kind.LOST
        return Failure(kind, found.aws_code, found.message, found.retry_after)
    log.warning("model.stream_cut", error=type(error).__name__, message=str(error)[:300])
    return Failure(Kind.LOST, type(error).__name__, str(error)[:300])


def converse_stream(
    request: ModelRequest, *, cancelled: Callable[[], bool] = never
) -> Iterator[StreamEvent]:
    """Ask a text model and yield the answer as it comes; run it in a thread, inside the tenant.

    Nothing is sent before the first `next`. When `cancelled()` turns true no delta follows: the
    stream is read to its end, settled exactly, and `Finished` comes with stop reason `stopped`.
    `Finished` with `blocked` set tells the caller to withdraw what was shown. A caller that goes
    away (`close()`) loses nothing: a thread reads the rest (see `drains_finish`).

    Raises ModelStreamInterrupted with the partial text when the stream breaks after its first
    delta; before it, the call is repeated where that may help.
    """
    tenant = current()
    try:
        request = masked_request(results_screened(request))
    except TextBlocked as blocked:
        yield Finished(refused(request.request_id, blocked))
        return
    call, policy = text_call_routed(request, operation="ConverseStream", stream=True)
    screen = screen_of(actor=request.actor, feature=request.feature, request_id=request.request_id)
    if call_refused(call, screen, request.messages):
        yield Finished(answer_refused(request, policy, "input"))
        return
    parameters = call.prepared(lambda: converse_parameters(request, policy, stream=True))
    runtime = streaming_client(float(policy.model.silence_seconds))
    while True:
        connection_rest()
        received = sent(call, lambda: runtime.converse_stream(**stamped(parameters, call)))
        reading = _Reading(request, policy, call, received["stream"])
        try:
            yield from _shown(reading, screen, cancelled)
        except _Broken as broken:
            failure = broken.failure
            begun = bool(reading.text or reading.tool_uses)
            if not begun and call.try_again(failure, may_be_billed=True):
                continue
            call.estimate(failure)
            if begun:
                raise ModelStreamInterrupted("".join(reading.shown)) from broken
            raise failure.error() from broken
        except BaseException:  # the caller went away, or failed in the middle
            if not call.ended:
                _drain_behind(reading, tenant)
            raise
        else:
            return


def _shown(
    reading: _Reading, screen: Screen, cancelled: Callable[[], bool]
) -> Iterator[StreamEvent]:
    """Yield what may be shown, then the end.

    Text is released where no blocked word can be in the making; where thresholds are set, nothing
    is released before the whole was judged. What is refused is read to its end and not shown.
    """
    stopped = refused = False
    until = 0.0
    growing = screen.growing() if screen.rules.words else None
    for event in reading.events():
        if not (stopped or refused) and cancelled():
            stopped, until = True, time.monotonic() + DRAIN_SECONDS
        if stopped or refused:
            if time.monotonic() > until:
                reading.stream.close()
                break
        elif isinstance(event, TextDelta) and not screen.holds_output:
            shown = event.text if growing is None else growing.grown(event.text)
            if shown is None:
                refused, until = True, time.monotonic() + DRAIN_SECONDS
            elif shown:
                reading.shown.append(shown)
                yield TextDelta(shown)
        elif event is not None and not isinstance(event, TextDelta):
            yield event
    reading.settle()
    answer = reading.answer(stopped=stopped)
    if refused:
        screen.word_found("output", reading.call.reservation)
    elif not (stopped or answer.blocked):
        refused = screen.refuses("output", [answer.text], reading.call.reservation)
    if refused and not answer.blocked:
        yield Finished(answer_refused(reading.request, reading.policy, "output", answer.usage))
        return
    if not (stopped or answer.blocked) and (rest := reading.unshown):
        reading.shown.append(rest)
        yield TextDelta(rest)
    yield Finished(answer)


_draining: set[threading.Thread] = set()
_draining_lock = threading.Lock()


def _drain_behind(reading: _Reading, tenant: TenantContext) -> None:
    """Read an abandoned stream's rest in a thread of its own, for its tenant."""

    def run() -> None:
        try:
            with entered(tenant):
                reading.drain()
        finally:
            connection.close()
            with _draining_lock:
                _draining.discard(threading.current_thread())

    thread = threading.Thread(target=run, name="stream-drain", daemon=True)
    with _draining_lock:
        _draining.add(thread)
    thread.start()


def drains_finish(within: float) -> bool:
    """Wait for abandoned streams to be read to their ends, at most `within` seconds; say whether.

    For a process that is about to end; what it leaves is settled by the sweeper, as an estimate.
    """
    until = time.monotonic() + within
    with _draining_lock:
        threads = list(_draining)
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)
