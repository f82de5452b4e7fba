"""Connections to AWS that write a request's head and body in one piece, and are found at once.

They are urllib3's and botocore's own in everything else: what they connect to, how they are kept,
what they wait for, and which error says what went wrong.
"""

from typing import Any, Final

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from urllib3._base_connection import _ResponseOptions

_ADDRESSES_AT_MOST: Final = 2048


class Head(dict[str, bytes]):
    """A request's headers in the order in which they are sent, all that it needs."""

    def copy(self) -> "Head":
        return Head(self)


class _Short:
    """Writes a request whose headers are a `Head` without a step for each of them."""

    def request(self: Any, method: str, url: str, body: Any = None, headers: Any = None,
                **options: Any) -> None:  # fmt: skip
        if isinstance(headers, Head) and isinstance(body, bytes):
            lines = b"\r\n".join([b"%b: %b" % (n.encode(), v) for n, v in headers.items()])
            if lines.count(b"\r") == lines.count(b"\n") == len(headers) - 1:
                options.pop("chunked", None)  # botocore's flag, which its length has settled
                self._response_received = False
                self.response_class = self._original_response_cls
                if self.sock is not None:
                    self.sock.settimeout(self.timeout)
                self._response_options = _ResponseOptions(method, url, **options)
                self.putrequest(method, url)
                self._buffer.append(lines)
                self.endheaders(body)
                return
        super().request(method, url, body, headers, **options)  # type: ignore[misc]


class _Connection(_Short, AWSHTTPConnection):  # type: ignore[misc]
    pass


class _SecureConnection(_Short, AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _Pool(AWSHTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(AWSHTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def shorten(session: Any) -> None:
    """Give botocore's session such connections, and let it keep which pool an address has."""
    manager = session._manager
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    find = manager.connection_from_url
    kept: dict[str, Any] = {}

    def connection_from_url(url: str, pool_kwargs: Any = None) -> Any:
        pool = kept.get(url)
        if pool is None or pool.pool is None:  # or closed since
            pool = find(url, pool_kwargs)
            if len(kept) >= _ADDRESSES_AT_MOST:
                kept.clear()
            kept[url] = pool
        return pool

    manager.connection_from_url = connection_from_url
