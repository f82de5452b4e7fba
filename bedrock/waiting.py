"""Wait for AWS while it works on a resource."""

import time
from typing import Any, Final

WITHIN: Final = 60  # seconds


def until_ready(bedrock: Any, guardrail: str) -> None:
    """Wait while the service works on a guardrail: it refuses other changes meanwhile."""
    until = time.monotonic() + WITHIN
    while bedrock.get_guardrail(guardrailIdentifier=guardrail)["status"] != "READY":
        if time.monotonic() > until:
            raise TimeoutError(f"guardrail {guardrail} did not become ready within a minute")
        time.sleep(0.5)
