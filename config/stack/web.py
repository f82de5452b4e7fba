"""Serve the product on sockets that the supervisor has bound: `python -m config.stack.web GO FD…`.

uvicorn's own command line takes one socket, and both loopback addresses must be served. The
supervisor keeps them open, so a restarted web process finds its waiting connections there.

The application loads at once, beside the migration, but serves only when the pipe GO has been
closed at its other end: never on an old schema.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import uvicorn

from config.memory import garbage_settle
from config.stack.sockets import SocketProtocol

FILES = 65_536  # open at once; a socket is one
SERVING: dict[str, Any] = {  # wherever uvicorn serves the product
    "ws": SocketProtocol,
    # Deflate costs 88 KiB per idle socket; frames here are short.
    "ws_per_message_deflate": False,
    "server_header": False,
    "access_log": False,
    "lifespan": "off",
    "log_config": None,  # The settings have set logging up.
}


def main(descriptors: list[str]) -> None:
    """Serve the supervisor's sockets when it says so."""
    go, *bound = map(int, descriptors)
    serve([socket.socket(fileno=descriptor) for descriptor in bound], lambda: os.read(go, 1))


def serve(sockets: list[socket.socket], wait: Callable[[], object]) -> None:
    """Load, wait for `wait`, and serve until SIGTERM; open requests have three seconds to end."""
    application = import_module("config.asgi").application
    _load_what_first_requests_need()
    garbage_settle()
    files_raise()
    wait()
    import_module("tenants.backend.sessions").sessions_require()
    import_module("config.telemetry").traces_export("web")
    import_module("tenants.telemetry").SOCKETS.set(0)  # a process that died left its count behind
    config = uvicorn.Config(application, timeout_graceful_shutdown=3, **SERVING)
    # uvicorn raises the signal that stopped it once more at the end, which must not end us here.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    uvicorn.Server(config).run(sockets=sockets)
    # What was being answered ends, and its last usage reaches the ledger.
    from assistant.runner import turns_end
    from bedrock.gateway import drains_finish

    turns_end(within=2)
    drains_finish(within=1)


def files_raise() -> None:
    """Let the process hold more sockets than the shell's usual thousand, where the system may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _load_what_first_requests_need() -> None:
    """Import views and migrations and build AWS clients, which the first users would wait for."""
    import_module("config.urls_public")
    import_module("config.urls_tenant")
    import_module("tenants.lifecycle.standing").wanted()
    import_module("tenants.aws").clients_build(os.environ.get("AWS_REGION", "us-east-1"))


if __name__ == "__main__":
    main(sys.argv[1:])
