"""Loopback ports: chosen once for the inner parts, checked early for the public ones."""

from __future__ import annotations

import contextlib
import errno
import json
import socket
from pathlib import Path

from config.stack.errors import StackError

LOOPBACK = "127.0.0.1"


def bind_web(port: int) -> list[socket.socket]:
    """Bind `port` on both loopback addresses, not yet listening.

    Browsers resolve `acme.localhost` to ::1 or 127.0.0.1 as they like, so both must answer; binding
    the wildcard address instead would open the product to the network. The supervisor keeps the
    sockets: while a killed web process restarts, connections wait instead of being refused.

    Raises StackError when the port is taken.
    """
    sockets = [_bound(socket.AF_INET, LOOPBACK, port, "PORT")]
    with contextlib.suppress(OSError):  # A machine without IPv6 has no ::1 to answer on.
        sockets.append(_bound(socket.AF_INET6, "::1", port, "PORT"))
    return sockets


def require_free(port: int, variable: str) -> None:
    """Raise StackError when `port` is taken, naming the variable that moves it."""
    _bound(socket.AF_INET, LOOPBACK, port, variable).close()


def kept_port(folder: Path, name: str) -> int:
    """Return the port that this installation keeps for `name`, another one when it is taken.

    A kept port lets a restarted child and an operator's notes find it where it was.
    """
    book = folder / "ports.json"
    try:
        ports: dict[str, int] = json.loads(book.read_text())
    except (OSError, ValueError):
        ports = {}
    port = ports.get(name)
    if port is None or not _is_free(port) or port in (v for k, v in ports.items() if k != name):
        port = free_port()
        while port in ports.values():
            port = free_port()
        ports[name] = port
        book.write_text(json.dumps(ports, indent=2) + "\n")
    return port


def free_port() -> int:
    """Return a port that is free on loopback just now."""
    with socket.socket() as sock:
        sock.bind((LOOPBACK, 0))
        port: int = sock.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _bound(family: socket.AddressFamily, host: str, port: int, variable: str) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Past the waiting time of connections that a stopped stack has left behind.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            why = "is in use" if error.errno == errno.EADDRINUSE else "may not be opened by you"
            raise StackError(
                f"Port {port} {why}: stop what uses it, or choose another with {variable}=…"
            ) from error
        raise
    return sock
