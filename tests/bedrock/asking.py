"""Requests to the gateway, and what the ledger holds of them."""

import uuid
from collections.abc import Iterable
from typing import Any

from bedrock.gateway import Finished, Masked, ModelAnswer, ModelRequest, StreamEvent, TextDelta
from billing.models import LedgerEntry, Reservation
from tenants.context import SYSTEM, TenantContext, entered

PASSAGES = (
    '<passages>\n<passage id="1" document="Travel policy.md">\n'
    "You may work abroad for 30 days a year. Tell your manager a month before.\n"
    "</passage>\n</passages>"
)
QUESTION = "<question>How many days may I work abroad?</question>"


def question(text: str = Masked(f"{PASSAGES}\n{QUESTION}"), **members: Any) -> ModelRequest:
    """Return a request with an id of its own; `members` replace the usual ones.

    Its text is marked as masked, so that no workspace has it masked first.
    """
    usual: dict[str, Any] = {
        "feature": "ask",
        "actor": SYSTEM,
        "request_id": uuid.uuid4(),
        "system": "Answer from the passages alone.",
        "messages": [{"role": "user", "content": [{"text": text}]}],
        "max_tokens": 300,
    }
    return ModelRequest(**{**usual, **members})


def ledger(tenant: TenantContext, request_id: uuid.UUID) -> dict[tuple[int, str], int]:
    """Return the quantities of a request by (attempt within its call, unit)."""
    with entered(tenant):
        rows = LedgerEntry.objects.filter(tenant_id=tenant.id, request_id=request_id)
        return {(row.attempt % 100, row.unit): row.quantity for row in rows}


def estimated(tenant: TenantContext, request_id: uuid.UUID) -> set[bool]:
    """Return whether the rows of a request are marked as estimates."""
    with entered(tenant):
        rows = LedgerEntry.objects.filter(tenant_id=tenant.id, request_id=request_id)
        return set(rows.values_list("estimated", flat=True))


def states(tenant: TenantContext, request_id: uuid.UUID) -> list[str]:
    """Return the states of a request's reservations, in order."""
    with entered(tenant):
        rows = Reservation.objects.filter(tenant_id=tenant.id, request_id=request_id)
        return list(rows.order_by("call").values_list("state", flat=True))


def shown(events: Iterable[StreamEvent]) -> str:
    """Return the text of the deltas."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def finished(events: list[StreamEvent]) -> ModelAnswer:
    """Return the answer that ends a stream."""
    last = events[-1]
    assert isinstance(last, Finished)
    return last.answer
