"""`python -m localaws`: serve the local AWS on one loopback port."""

from __future__ import annotations

import argparse
import ctypes
import errno
import gc
import logging
import re
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

THREADS = 256
_STACK_BYTES = 1024 * 1024
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8


def main() -> int:
    """Serve until SIGTERM or SIGINT. Exit code 2 where the address cannot be had."""
    parser = argparse.ArgumentParser(prog="localaws", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=4566, help="port to listen on")
    parser.add_argument(
        "--state", type=Path, default=Path("var/localaws"), help="where state lives"
    )
    options = parser.parse_args()
    # Before the libraries, some of which would configure logging themselves.
    logging.basicConfig(level=logging.WARNING, format="localaws: %(levelname)s %(message)s")
    logging.getLogger("waitress").addFilter(_expected)
    threading.stack_size(_STACK_BYTES)
    _return_memory()
    bound = _bind(options.host, options.port)
    if bound is None:
        return 2

    # A second's worth of imports, so only once the address is ours. All of it stays: collections of
    # garbage would walk through it again and again.
    gc.disable()
    from localaws.services import LocalAws

    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    gc.enable()

    options.state.mkdir(parents=True, exist_ok=True)
    application = LocalAws(options.state.resolve())
    server = _server(application, bound)

    def stop(*_: Any) -> None:
        # Streams end at once: the server waits for its threads before `run` returns.
        application.stopping.set()
        raise SystemExit

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    application.start()
    print(f"localaws is ready at http://{options.host}:{bound.getsockname()[1]}", flush=True)
    try:
        server.run()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        application.stop()
        server.close()
    return 0


def _return_memory() -> None:
    """Have glibc give large blocks back at once; its defaults keep uploads' buffers for ever.

    With one heap for each of many threads the process would grow by a body for each upload.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 2)
        mallopt(_M_MMAP_THRESHOLD, 256 * 1024)


def _bind(host: str, port: int) -> socket.socket | None:
    """The bound socket, or None with one clear sentence on stderr."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(1024)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            why = "is in use; stop what listens there or choose another with --port"
        else:
            why = f"cannot be listened on: {error.strerror or error}"
        print(f"localaws: {host}:{port} {why}.", file=sys.stderr)
        return None
    return bound


def _server(application: Any, bound: socket.socket) -> Any:
    """Waitress on a socket of ours; `send_bytes=1` sends each frame of a stream at once."""
    from waitress import create_server
    from waitress.channel import HTTPChannel
    from waitress.task import WSGITask

    class Task(WSGITask):
        """Answers as AWS does where waitress does otherwise.

        It capitalizes the names of user metadata, and closes a connection after a body of unknown
        length, such as a stream of events, also where the client was told in chunks where it ends.
        """

        def set_close_on_finish(self) -> None:
            if self.wrote_header or not self.chunked_response:
                super().set_close_on_finish()

        def build_response_header(self) -> bytes:
            head: bytes = super().build_response_header()
            return re.sub(rb"(?m)^X-Amz-Meta-[^:\n]+", lambda name: name[0].lower(), head)

    class Channel(HTTPChannel):
        """Gives a connection that opens with HTTP/2's preface to `http2`."""

        task_class = Task
        _opened = False

        def received(self, data: bytes) -> Any:
            first, self._opened = not self._opened, True
            if not first or not data.startswith(b"PRI * HTTP/2.0\r\n"):
                return super().received(data)
            from localaws import http2

            mine = self.socket.dup()
            self.handle_close()
            http2.take_over(mine, data, application)
            return False

    server = create_server(
        application,
        sockets=[bound],
        threads=THREADS,
        send_bytes=1,
        channel_timeout=300,
        connection_limit=2000,
        asyncore_use_poll=True,
        ident="localaws",
        clear_untrusted_proxy_headers=True,
    )
    server.channel_class = Channel
    return server


def _expected(record: logging.LogRecord) -> bool:
    """Leave out what tests ask for: connections that are dropped in the middle of a frame."""
    kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
    return kind not in ("Truncated", "ClientDisconnected")


if __name__ == "__main__":
    sys.exit(main())
