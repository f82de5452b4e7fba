"""A form that changes something tells what its page showed; a page that is old undoes nothing.

Two tabs, or two people: who saves last would silently put back what the first had changed. Refused,
the page shows what is in force by now and keeps what was typed, so that saving again is a choice.
A request that tells nothing is let through: it names all that it sets. Where two that come within
one instant must be told apart too, the change is made in the turn of `seen_turn`.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from tenants.errors import Conflict
from tenants.turns import turn_take

FIELD: Final = "seen"


class ChangedMeanwhile(Conflict):
    """What a form was filled in from is no longer so."""

    code = "changed_meanwhile"
    title = _(
        "This was changed after you had opened the page. What holds now is shown; save again to put"
        " yours in its place"
    )


def seen_of(*values: Any) -> str:
    """Return what stands for the values in a form."""
    told = json.dumps(values, default=str, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:20]


def seen_check(form: Mapping[str, Any], *values: Any) -> None:
    """Raise ChangedMeanwhile where the form was filled in from other values than these."""
    if form.get(FIELD, "") not in ("", seen_of(*values)):
        raise ChangedMeanwhile


@contextmanager
def seen_turn(
    form: Mapping[str, Any], of: str, values: Callable[[], Sequence[Any]]
) -> Iterator[None]:
    """Make the change in one transaction, after the check; no other changes the same meanwhile.

    `of` is what is changed, within the workspace. What is done asks nobody outside the database.
    """
    with transaction.atomic():
        turn_take(f"seen:{of}")
        seen_check(form, *values())
        yield
