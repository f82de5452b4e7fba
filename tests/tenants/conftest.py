"""Servers of single sign-on's tests: a provider of OpenID Connect, a name server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.nameserver import NameServer, name_server
from tests.support.openid import OpenId, provider_running


@pytest.fixture(scope="session")
def openid_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenId]:
    with provider_running(Path(tmp_path_factory.mktemp("openid"))) as running:
        yield running


@pytest.fixture
def openid(openid_process: OpenId, settings: Any) -> OpenId:
    """The provider, doing all right, and reachable on loopback."""
    settings.OUTBOUND_PRIVATE = True
    openid_process.plant()
    return openid_process


@pytest.fixture
def names(settings: Any) -> Iterator[NameServer]:
    """A name server, which the product asks."""
    with name_server() as server:
        settings.DNS_SERVERS = (server.address,)
        yield server
