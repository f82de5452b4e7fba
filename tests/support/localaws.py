"""The local AWS's control port: what the next calls shall meet, and what the last ones were.

docs/localaws.md describes a script's members.
"""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.plain import NO_TLS


class LocalAws:
    """A client of `/_localaws/` at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(
            base_url=f"{url}/_localaws", timeout=60, trust_env=False, verify=NO_TLS
        )

    def script(self, **members: Any) -> None:
        """Queue one scripted answer: `script(text="Hello", match={"operation": "Converse"})`."""
        self._http.post("/script", json=members).raise_for_status()

    def logs(self, **switches: Any) -> dict[str, Any]:
        """Set switches of the invocation log and have delivered what is due."""
        answer: dict[str, Any] = self._http.post("/logs", json=switches).raise_for_status().json()
        return answer

    def cost(self, **switches: Any) -> dict[str, Any]:
        """Set switches of the bill; `cost(deliver=True)` delivers the exports now."""
        answer: dict[str, Any] = self._http.post("/cost", json=switches).raise_for_status().json()
        return answer

    def requests(self, operation: str | None = None) -> list[dict[str, Any]]:
        """Return the calls received since the reset, oldest first."""
        received = self._http.get("/requests").raise_for_status().json()
        calls = received["requests"] if isinstance(received, dict) else received
        return [call for call in calls if operation in (None, call["operation"])]

    def counts(self, operation: str) -> dict[tuple[str, str | None], int]:
        """Return how many of these calls ended since the reset, by Region and error."""
        counts = self._http.get("/requests").raise_for_status().json()["counts"]
        return {(each["region"], each["error"]): each["calls"] for each in counts
                if each["operation"] == operation}  # fmt: skip

    def forget_requests(self) -> None:
        """Forget the calls received; scripts and switches stay."""
        self._http.delete("/requests").raise_for_status()

    def expire(self, access_key: str) -> None:
        """Let the role session of this key run out now."""
        answer = self._http.post("/expire", json={"accessKey": access_key})
        if answer.raise_for_status().json() != {"expired": 1}:
            raise LookupError("The local AWS knows no session of this key.")

    def reset(self) -> None:
        """Forget scripts and calls; what AWS would keep (objects, guardrails, profiles) stays."""
        self._http.post("/reset").raise_for_status()

    def close(self) -> None:
        """Close the connection to the control port."""
        self._http.close()
