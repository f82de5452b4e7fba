"""HTTP/2 without TLS, by prior knowledge: how the AWS SDK for JavaScript speaks to Bedrock.

A connection that opens with HTTP/2's preface is taken out of the HTTP/1.1 server; each of its
streams calls the same WSGI application in a thread of its own.
https://datatracker.ietf.org/doc/html/rfc9113#name-starting-http-2-with-prior-
"""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
_BODY_BYTES = 128 * 1024 * 1024
_IDLE_SECONDS = 300
_SEND_SECONDS = 60

_log = logging.getLogger(__name__)


class Gone(Exception):
    """The client closed the stream or the connection."""


class Connection:
    """One client's connection; `serve` reads it until either side is done."""

    def __init__(self, sock: socket.socket, application: Application) -> None:
        self._sock = sock
        self._application = application
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding="latin-1"))
        self._changed = threading.Condition()
        self._requests: dict[int, tuple[list[tuple[str, str]], bytearray]] = {}
        self._closed: set[int] = set()
        self._answering: set[int] = set()
        self._leaving = False
        self._over = False

    def serve(self, data: bytes) -> None:
        """Answer everything that comes, beginning with what was read already."""
        try:
            self._sock.settimeout(_IDLE_SECONDS)
            with self._changed:
                self._http.initiate_connection()
                self._flush()
            while data and not self._over:
                with self._changed:
                    for event in self._http.receive_data(data):
                        self._take(event)
                    self._flush()
                    self._changed.notify_all()
                    self._over = self._over or (self._leaving and not self._answering)
                data = b"" if self._over else self._sock.recv(65536)
        except (OSError, H2Error) as error:
            _log.debug("connection ended: %s", error)
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
            self._sock.close()

    def _flush(self) -> None:
        if waiting := self._http.data_to_send():
            self._sock.sendall(waiting)

    def _take(self, event: Any) -> None:
        if isinstance(event, RequestReceived):
            headers = [(str(name), str(value)) for name, value in event.headers]
            self._requests[event.stream_id] = (headers, bytearray())
        elif isinstance(event, DataReceived):
            request = self._requests.get(event.stream_id)
            if request is not None:
                request[1].extend(event.data)
                if len(request[1]) > _BODY_BYTES:
                    del self._requests[event.stream_id]
                    self._http.reset_stream(event.stream_id, ErrorCodes.ENHANCE_YOUR_CALM)
                    return
            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            request = self._requests.pop(event.stream_id, None)
            if request is not None:
                self._answering.add(event.stream_id)
                arguments = (event.stream_id, request[0], bytes(request[1]))
                threading.Thread(target=self._answer, args=arguments, daemon=True).start()
        elif isinstance(event, StreamReset):
            self._requests.pop(event.stream_id, None)
            self._closed.add(event.stream_id)
        elif isinstance(event, ConnectionTerminated):
            # The client begins no more streams; those that are open go on to their end, which
            # h2 would not let us send: https://github.com/python-hyper/h2/issues/1181
            self._leaving = True
            self._http.state_machine.state = ConnectionState.SERVER_OPEN
        elif not isinstance(event, WindowUpdated):
            _log.debug("passed over %r", event)

    # Answering ------------------------------------------------------------------------------

    def _answer(self, stream: int, headers: list[tuple[str, str]], body: bytes) -> None:
        environ = environ_of(headers, body)
        chunks: Iterable[bytes] = ()
        try:
            chunks = self._application(environ, lambda *head: self._head(stream, *head))
            for chunk in chunks:
                self._send(stream, chunk)
            self._end(stream)
        except (Gone, OSError):
            pass
        except Exception as error:
            # As over HTTP/1.1, what breaks in the middle of an answer breaks the stream.
            if type(error).__name__ != "Truncated":
                _log.exception("%s failed", environ["REQUEST_URI"])
            self._reset(stream)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
            with self._changed:
                self._closed.discard(stream)
                self._answering.discard(stream)
                if self._leaving and not self._answering:
                    with contextlib.suppress(OSError):  # wakes the reader
                        self._sock.shutdown(socket.SHUT_RDWR)

    def _gone(self, stream: int) -> bool:
        return self._over or stream in self._closed

    def _head(self, stream: int, status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        lines = [(":status", status.partition(" ")[0])]
        lines += [(name.lower(), value) for name, value in headers]
        with self._changed:
            if self._gone(stream):
                raise Gone
            self._http.send_headers(stream, lines)
            self._flush()

    def _send(self, stream: int, chunk: bytes) -> None:
        while chunk:
            with self._changed:
                room = 0
                while not self._gone(stream):
                    room = self._http.local_flow_control_window(stream)
                    if room > 0 or not self._changed.wait(_SEND_SECONDS):
                        break
                if self._gone(stream) or room <= 0:
                    raise Gone
                part = chunk[: min(room, self._http.max_outbound_frame_size)]
                self._http.send_data(stream, part)
                self._flush()
            chunk = chunk[len(part) :]

    def _end(self, stream: int) -> None:
        with self._changed:
            if not self._gone(stream):
                self._http.end_stream(stream)
                self._flush()

    def _reset(self, stream: int) -> None:
        with self._changed:
            try:
                self._http.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
                self._flush()
            except (OSError, H2Error):
                self._over = True


def environ_of(headers: list[tuple[str, str]], body: bytes) -> dict[str, Any]:
    """The WSGI environment of one request."""
    given: dict[str, str] = {}
    for name, value in headers:
        given[name] = f"{given[name]},{value}" if name in given else value
    target = given.pop(":path", "/")
    path, _, query = target.partition("?")
    host, _, port = given.pop(":authority", given.get("host", "localhost")).partition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": given.pop(":method", "GET"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path, "latin-1"),
        "REQUEST_URI": target,
        "QUERY_STRING": query,
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/2",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": f"{host}:{port}" if port else host,
        "CONTENT_TYPE": given.pop("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": given.pop(":scheme", "http"),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in given.items():
        if name not in ("content-length", "host") and not name.startswith(":"):
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ


def take_over(sock: socket.socket, data: bytes, application: Application) -> None:
    """Serve a connection in a thread of its own; the socket is ours from here."""
    sock.setblocking(True)
    connection = Connection(sock, application)
    threading.Thread(target=connection.serve, args=(data,), name="http2", daemon=True).start()
