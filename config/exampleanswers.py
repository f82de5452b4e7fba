"""What the examples of REST operations answered when they were run against the product.

`python -m tests.e2e` writes `exampleanswers.json` anew, from a run of every example.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

RECORDED: Final = Path(__file__).with_name("exampleanswers.json")


@cache
def recorded() -> dict[str, Any]:
    """Return the answers by operation; those that have no body, or a file, are left out."""
    found: dict[str, Any] = json.loads(RECORDED.read_text())
    return found


def answer_of(operation: str) -> str:
    """Return an operation's answer as one reads it; nothing where none is recorded."""
    found = recorded().get(operation)
    if found is None or isinstance(found, str):
        return found or ""
    return json.dumps(found, indent=2, ensure_ascii=False)


def parsed(text: str) -> Any:
    """Return an answer's value, or its text where it is no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text
