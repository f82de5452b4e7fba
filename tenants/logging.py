"""Log lines stamped with the tenant and the request."""

import re
import uuid
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from tenants.context import current_or_none

GIVEN_ID: Final = re.compile(r"^[A-Za-z0-9-]{8,64}$")

_stamp: ContextVar[dict[str, Any] | None] = ContextVar("tenantry_log_stamp", default=None)


_client: ContextVar[str] = ContextVar("tenantry_client_address", default="")


@contextmanager
def called_from(address: str) -> Iterator[None]:
    """Remember whose request is served; in no log line, for the audit alone."""
    token = _client.set(address)
    try:
        yield
    finally:
        _client.reset(token)


def client_address() -> str:
    """Return the address of the client that is served; empty in a task."""
    return _client.get()


@contextmanager
def bound(**values: Any) -> Iterator[None]:
    """Stamp every log line of the block with `values`."""
    token = _stamp.set({**(_stamp.get() or {}), **values})
    try:
        yield
    finally:
        _stamp.reset(token)


def request_id_of(given: str) -> str:
    """Return the id that a client gave its request, if it is one, else a new one."""
    return given if GIVEN_ID.match(given) else str(uuid.uuid4())


def request_id() -> str | None:
    """Return the id of the request or task being served."""
    return (_stamp.get() or {}).get("request_id")


def add_stamp(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Add tenant and request to a structlog event."""
    tenant = current_or_none()
    if tenant is not None:
        event.setdefault("tenant", tenant.slug)
    for key, value in (_stamp.get() or {}).items():
        event.setdefault(key, value)
    return event
