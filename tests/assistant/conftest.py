"""The product behind a real port, in this process, for sockets and event streams.

Imports stand inside: pytest loads this file before the settings have their servers' addresses.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.assistant.talking import Server


@pytest.fixture(autouse=True)
def _read_afresh() -> None:
    """Keep no rows of a database that has been replaced meanwhile."""
    from bedrock import policy
    from billing import catalog

    policy.forget()
    catalog.forget()


@pytest.fixture(scope="session")
def served(worker: object) -> Iterator[Server]:
    """uvicorn on a free port, as the stack configures it."""
    import uvicorn

    from config.asgi import application
    from config.stack.ports import free_port
    from config.stack.web import SERVING
    from tests.assistant.talking import Server

    port = free_port()
    config = uvicorn.Config(
        application, host="127.0.0.1", port=port, timeout_graceful_shutdown=1, **SERVING
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    started = Server(port)
    started.wait()
    yield started
    server.should_exit = True
    thread.join(5)


@pytest.fixture
def server(served: Server, transactional_db: None) -> Iterator[Server]:
    """The server, for a test whose rows other threads must see; its turns end with the test."""
    from assistant.runner import turns_end
    from bedrock.gateway import drains_finish

    yield served
    turns_end(within=30)
    drains_finish(within=30)
