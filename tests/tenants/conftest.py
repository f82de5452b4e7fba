"""Servers of these tests: a provider of OpenID Connect, a name server, the product on a port."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cast import ADA
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


@pytest.fixture
def host(worker: object, transactional_db: None, settings: Any) -> Iterator[str]:
    """The product on a free port, with the rows of this test."""
    import uvicorn

    from config.asgi import application
    from config.stack.ports import free_port
    from tests.assistant.talking import Server

    port = free_port()
    settings.BASE_URL = f"http://localhost:{port}"
    config = uvicorn.Config(
        application, host="127.0.0.1", port=port, lifespan="off", log_config=None,
        access_log=False, ws="none", timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    Server(port).wait()
    yield f"http://{ADA.host}:{port}"
    server.should_exit = True
    thread.join(5)
