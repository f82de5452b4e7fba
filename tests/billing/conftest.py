"""Plans and prices as the database has them: no test sees another's copy."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _fresh_catalog() -> Iterator[None]:
    from billing import catalog

    catalog.forget()
    yield
    catalog.forget()
