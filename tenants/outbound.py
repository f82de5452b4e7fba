"""Requests to addresses that tenants choose: they reach the public internet and nothing else.

The name is resolved once, every address that it has is judged, and the connection goes to the very
address that was judged: a name whose answer changes in between reaches nothing else. Redirects are
not followed. `OUTBOUND_PRIVATE=yes` lifts both rules, addresses and https, for development.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext, gettext_lazy, gettext_noop

from tenants.errors import Invalid, TenantryError
from tenants.wording import retold

SECONDS: Final = 15.0  # for the whole exchange
LONGEST_URL: Final = 2000

CERTIFICATE: Final = gettext_noop("The certificate is not valid: %(reason)s.")
SILENT: Final = gettext_noop("No answer within %(seconds)s seconds.")
CUT_OFF: Final = gettext_noop("No whole answer within %(seconds)s seconds.")
FAILED: Final = gettext_noop("The connection failed: %(reason)s.")
REFUSED: Final = gettext_noop("it was refused")
BROKEN_OFF: Final = gettext_noop("it broke off")
NAMELESS: Final = gettext_noop("The name %(host)s is not known.")
PRIVATE: Final = gettext_noop(
    "This address leads to a private, local or reserved network; give one on the internet."
)


class AddressRefused(Invalid):
    """The address is malformed, or leads where tenants' requests may not go."""

    code = "address_refused"


class Unreachable(TenantryError):
    """Nothing answered properly: the detail says what went wrong."""

    code = "unreachable"
    status = 502
    retryable = True
    title = gettext_lazy("The address did not answer")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


def url_check(url: str) -> SplitResult:
    """Return the parts of an address that may be called, without asking the network.

    Raises AddressRefused.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise AddressRefused(
            gettext("This is no address; give one like https://example.com/hook.")
        ) from None
    if len(url) > LONGEST_URL or not url.isascii() or any(c <= " " for c in url):
        raise AddressRefused(
            gettext("An address has at most %(most)s plain characters, no spaces.")
            % {"most": LONGEST_URL}
        )
    if parts.scheme not in _schemes() or not host:
        raise AddressRefused(gettext("Give an address that begins with https://."))
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise AddressRefused(gettext("The address may hold no user, password or fragment."))
    if port == 0:
        raise AddressRefused(gettext("Port 0 cannot be called."))
    literal = _literal(host)
    if literal is not None:
        _judge(literal)
    return parts


def reach_check(url: str) -> None:
    """Check an address as `url_check` does, and where its name leads today.

    Raises AddressRefused, Unreachable.
    """
    parts = url_check(url)
    _resolved(parts.hostname or "", parts.port or _schemes()[parts.scheme])


def fetch(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    most: int = 256 * 1024,
    seconds: float = SECONDS,
) -> Answer:
    """Ask an address, within `seconds` altogether; of the answer at most `most` bytes are read.

    Raises AddressRefused, Unreachable.
    """
    parts = url_check(url)
    host, port = parts.hostname or "", parts.port or _schemes()[parts.scheme]
    address = _resolved(host, port)
    asked = _Connection(host, port, address, tls=parts.scheme == "https", seconds=seconds)
    ended = threading.Timer(seconds, asked.cut)
    ended.daemon = True
    ended.start()
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        asked.request(method, target, body=body, headers=dict(headers or {}))
        with asked.getresponse() as answer:
            read = answer.read(most)
            if asked.late:  # a connection that was cut reads like an answer's end
                raise TimeoutError
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, named, read)
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(gettext(CERTIFICATE) % {"reason": error.verify_message}) from error
    except TimeoutError as error:
        raise Unreachable(gettext(SILENT) % {"seconds": f"{seconds:g}"}) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        if asked.late:
            raise Unreachable(gettext(CUT_OFF) % {"seconds": f"{seconds:g}"}) from error
        raise Unreachable(gettext(FAILED) % {"reason": gettext(_told(error))}) from error
    finally:
        ended.cancel()
        asked.close()


def failure_retold(stored: str) -> str:
    """Return why a request failed, kept in English, in the reader's language."""
    begins, _, ends = FAILED.partition("%(reason)s")
    if stored.startswith(begins):
        reason = stored.removeprefix(begins).removesuffix(ends)
        return gettext(FAILED) % {"reason": retold(reason, REFUSED, BROKEN_OFF)}
    return retold(stored, CERTIFICATE, SILENT, CUT_OFF, NAMELESS, PRIVATE)


def _told(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return REFUSED
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    if isinstance(error, http.client.HTTPException | ConnectionError):
        return BROKEN_OFF
    return type(error).__name__


def _schemes() -> dict[str, int]:
    return {"https": 443, "http": 80} if settings.OUTBOUND_PRIVATE else {"https": 443}


def _literal(host: str) -> Any:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _judge(address: Any) -> None:
    """Refuse what is not an address of the public internet. Raises AddressRefused."""
    if settings.OUTBOUND_PRIVATE or _public(address):
        return
    raise AddressRefused(gettext(PRIVATE))


def _public(address: Any) -> bool:
    """Return whether an address is everybody's, looking into those that wrap another."""
    if any(address in network for network in _INSIDE if network.version == address.version):
        return False
    if address.version == 6:
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _public(inner)
        if address.teredo or address.scope_id or address in _COMPATIBLE:
            return False
    return bool(address.is_global and not address.is_multicast and not address.is_reserved)


# Public by their numbers, and yet inside: what clouds answer their own machines at, IPv6's old
# private range, and one for examples.
_INSIDE: Final = tuple(
    ipaddress.ip_network(each)
    for each in ("168.63.129.16/32", "192.0.0.0/24", "fec0::/10", "3fff::/20")
)
_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


def _resolved(host: str, port: int) -> tuple[int, Any]:
    """Return the family and address to connect to; every address of the name has been judged."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable(gettext(NAMELESS) % {"host": host}) from None
    for _family, _, _, _, address in found:
        _judge(ipaddress.ip_address(str(address[0])))
    family, _, _, _, address = found[0]
    return family, address


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


class _Connection(http.client.HTTPConnection):
    """A connection to an address judged before, under the name it was found by."""

    def __init__(
        self, host: str, port: int, address: tuple[int, Any], *, tls: bool, seconds: float
    ) -> None:
        self.default_port = 443 if tls else 80
        super().__init__(host, port, timeout=seconds)
        self._address, self._over_tls = address, tls
        self.late = False

    def connect(self) -> None:
        family, address = self._address
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(address)
        if self._over_tls:
            self.sock = _tls().wrap_socket(self.sock, server_hostname=self.host)

    def cut(self) -> None:
        """End an exchange that dribbles on, from the watch's thread."""
        self.late = True
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            return
