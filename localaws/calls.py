"""Every Bedrock call served, for tests to read and for invocation logging to deliver."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from localaws.wire import Json, Request

_KEPT = 1000  # calls


@dataclass
class Call:
    """One request to bedrock-runtime and what became of it."""

    operation: str
    request_id: str
    account: str
    region: str
    identity: str
    session_tags: dict[str, str]
    model_id: str
    body: Any
    request_metadata: dict[str, str] = field(default_factory=dict)
    guardrail: Json = field(default_factory=dict)
    started: float = field(default_factory=time.time)
    status: int = 200
    error: str | None = None
    usage: Json = field(default_factory=dict)
    stop_reason: str | None = None
    output: Any = None
    latency_ms: int = 0
    finished: bool = False
    ended: float = 0
    abandoned: bool = False
    loggable: bool = False
    batch: bool = False
    forgotten: bool = False

    @classmethod
    def begin(cls, operation: str, request: Request, params: Json, body: Any) -> Call:
        """A call as it arrives; `loggable` says whether invocation logging covers it."""
        guardrail = params.get("guardrailConfig") or {
            key: params[key]
            for key in ("guardrailIdentifier", "guardrailVersion", "trace")
            if key in params
        }
        return cls(
            operation=operation,
            request_id=request.request_id,
            account=request.caller.account,
            region=request.caller.region,
            identity=request.caller.arn,
            session_tags=dict(request.caller.session_tags),
            model_id=params.get("modelId", ""),
            body=body,
            request_metadata=dict(params.get("requestMetadata") or {}),
            guardrail=dict(guardrail),
            loggable=operation.startswith(("Converse", "InvokeModel")),
        )

    def as_json(self) -> Json:
        """What `GET /_localaws/requests` shows."""
        return {
            "operation": self.operation,
            "requestId": self.request_id,
            "account": self.account,
            "region": self.region,
            "identity": self.identity,
            "sessionTags": self.session_tags,
            "modelId": self.model_id,
            "requestMetadata": self.request_metadata,
            "guardrail": self.guardrail,
            "body": self.body,
            "time": self.started,
            "status": self.status,
            "error": self.error,
            "usage": self.usage,
            "stopReason": self.stop_reason,
            "output": self.output,
            "latencyMs": self.latency_ms,
            "finished": self.finished,
            "abandoned": self.abandoned,
            "batch": self.batch,
        }


class CallLog:
    """The last thousand calls, newest last, and how many there were of each kind.

    Finished ones are handed to a listener.
    """

    def __init__(self, on_finish: Callable[[Call], None]) -> None:
        self._calls: deque[Call] = deque(maxlen=_KEPT)
        self._open: dict[int, Call] = {}
        self._counts: Counter[tuple[str, str, str | None]] = Counter()
        self._lock = threading.Lock()
        self._on_finish = on_finish

    def add(self, call: Call) -> None:
        """Note a call when it arrives."""
        with self._lock:
            self._calls.append(call)
            self._open[id(call)] = call

    def finish(self, call: Call) -> None:
        """Note its end, once."""
        with self._lock:
            if call.finished:
                return
            self._open.pop(id(call), None)
            call.finished = True
            call.ended = time.time()
            call.latency_ms = round((call.ended - call.started) * 1000)
            self._counts[call.operation, call.region, call.error] += 1
        self._on_finish(call)

    def entries(self) -> list[Json]:
        """All kept calls."""
        with self._lock:
            return [call.as_json() for call in self._calls]

    def counts(self) -> list[Json]:
        """How many calls have ended, by operation, Region and error."""
        with self._lock:
            return [
                {"operation": operation, "region": region, "error": error, "calls": calls}
                for (operation, region, error), calls in self._counts.items()
            ]

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._calls.clear()
            self._counts.clear()

    def forget(self) -> None:
        """Forget all, and mark what is under way: its end is neither booked nor logged."""
        with self._lock:
            for call in self._open.values():
                call.forgotten = True
        self.clear()
