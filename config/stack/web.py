"""Serve the product on sockets that the supervisor has bound: `python -m config.stack.web FD…`.

uvicorn's own command line takes one socket, and both loopback addresses must be served. The
supervisor keeps them open, so a restarted web process finds its waiting connections there.
"""

from __future__ import annotations

import socket
import sys

import uvicorn


def main(descriptors: list[str]) -> None:
    """Serve until SIGTERM; open requests have three seconds to end."""
    sockets = [socket.socket(fileno=int(descriptor)) for descriptor in descriptors]
    config = uvicorn.Config(
        "config.asgi:application",
        ws="websockets-sansio",
        # Deflate costs 88 KiB per idle socket; frames here are short.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=3,
        server_header=False,
        access_log=False,
        lifespan="auto",
    )
    uvicorn.Server(config).run(sockets=sockets)


if __name__ == "__main__":
    main(sys.argv[1:])
