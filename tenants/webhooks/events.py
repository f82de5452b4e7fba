"""The types of events there are. An app adds its own in its `ready`."""

from typing import Final

TEST: Final = "webhook.test"

_declared: dict[str, str] = {TEST: "Sent by the test button alone."}


def event_declare(event_type: str, told: str) -> None:
    """Add a type like `document.ready`; `told` says in a sentence when it is sent."""
    _declared[event_type] = told


def event_types() -> dict[str, str]:
    """Return each type that an endpoint may choose, with when it is sent."""
    return {name: told for name, told in sorted(_declared.items()) if name != TEST}


def event_known(event_type: str) -> bool:
    return event_type in _declared
