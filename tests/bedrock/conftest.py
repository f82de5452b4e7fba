"""The tenants that the gateway is asked for.

Imports stand inside: pytest loads this file before the settings have their servers' addresses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tenants.context import TenantContext


@pytest.fixture(autouse=True)
def _read_afresh() -> None:
    """Keep no rows of a database that has been replaced meanwhile."""
    from bedrock import policy
    from billing import catalog

    policy.forget()
    catalog.forget()


@pytest.fixture
def acme(db: None) -> TenantContext:
    """A growth tenant of us-east-1, posture general."""
    from tests.support.cast import ALICE
    from tests.support.clients import tenant_of

    return tenant_of(ALICE)


@pytest.fixture
def globex(db: None) -> TenantContext:
    """An enterprise tenant of eu-central-1, posture regulated."""
    from tests.support.cast import CHARLIE
    from tests.support.clients import tenant_of

    return tenant_of(CHARLIE)
