"""The types of events there are. An app adds its own in its `ready`."""

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

TEST: Final = "webhook.test"

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_declared: dict[str, "StrOrPromise"] = {TEST: _("Sent by the test button alone.")}


def event_declare(event_type: str, told: "StrOrPromise") -> None:
    """Add a type like `document.ready`; `told` says in a sentence when it is sent."""
    _declared[event_type] = told


def event_types() -> dict[str, str]:
    """Return each type that an endpoint may choose, with when it is sent."""
    return {name: str(told) for name, told in sorted(_declared.items()) if name != TEST}


def event_known(event_type: str) -> bool:
    return event_type in _declared
