"""Scripted answers: a test queues what the next matching call shall meet.

The JSON of a script is documented in docs/localaws.md, which is where tests read it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, fields
from typing import Any

from localaws.errors import AwsError, invalid
from localaws.wire import Json


@dataclass
class Script:
    """What one (or `times`) matching calls shall meet. Delays in milliseconds."""

    match: Json = field(default_factory=dict)
    times: int = 1
    text: str | None = None
    chunks: list[str] | None = None
    tool_use: list[Json] | None = None
    stop_reason: str | None = None
    usage: Json | None = None
    no_usage: bool = False
    error: Json | None = None
    stream_error: Json | None = None
    truncate_after: int | None = None
    stall: Json | None = None
    first_delay_ms: float = 0
    delay_ms: float | None = None
    results: list[Json] | None = None

    @classmethod
    def of_json(cls, document: Any) -> Script:
        """Read one script; an unknown member is refused, so that a typo is seen."""
        known = {f.name for f in fields(cls)}
        if not isinstance(document, dict) or set(document) - known:
            odd = sorted(set(document) - known) if isinstance(document, dict) else document
            raise invalid(f"A script has the members {sorted(known)}; not {odd}")
        script = cls(**document)
        if isinstance(script.tool_use, dict):
            script.tool_use = [script.tool_use]
        if set(script.match) - {"operation", "model", "contains", "region"}:
            raise invalid("match has the members operation, model, contains and region")
        return script

    @property
    def answers(self) -> bool:
        """Whether the script replaces the model's own answer."""
        return self.text is not None or self.chunks is not None or self.tool_use is not None

    def fits(self, operation: str, region: str, model_id: str, body: str) -> bool:
        """Whether this script is for a call."""
        match = self.match
        return (
            match.get("operation", operation) == operation
            and match.get("region", region) == region
            and match.get("model", "") in model_id
            and match.get("contains", "") in body
        )

    def refusal(self) -> AwsError | None:
        """The error that the call shall meet before any answer."""
        return error_of(self.error) if self.error else None


def error_of(document: Json) -> AwsError:
    """A scripted error: code, message, status, and further members of the error's shape."""
    rest = {k: v for k, v in document.items() if k not in ("code", "message", "status", "after")}
    error = AwsError(
        document.get("code", "ThrottlingException"),
        document.get("message", "Too many tokens, please wait before trying again."),
        status=document.get("status"),
        **rest,
    )
    error.scripted = True
    return error


class ScriptQueue:
    """Scripts in order; the first that fits a call is taken."""

    def __init__(self) -> None:
        self._scripts: list[Script] = []
        self._lock = threading.Lock()

    def add(self, document: Any) -> int:
        """Queue one script or a list of them; returns how many wait."""
        scripts = [
            Script.of_json(d) for d in (document if isinstance(document, list) else [document])
        ]
        with self._lock:
            self._scripts += scripts
            return len(self._scripts)

    def take(self, operation: str, region: str, model_id: str, body: str) -> Script | None:
        """The script for a call, used up by it; None when none fits."""
        with self._lock:
            for script in self._scripts:
                if script.fits(operation, region, model_id, body):
                    script.times -= 1
                    if script.times <= 0:
                        self._scripts.remove(script)
                    return script
        return None

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._scripts.clear()
