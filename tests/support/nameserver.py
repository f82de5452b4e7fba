"""A name server on loopback, which answers TXT questions from a dictionary."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


@dataclass
class NameServer:
    """Its address, and the texts by name; a name of none has no TXT, `ill` answers SERVFAIL."""

    address: tuple[str, int]
    texts: dict[str, list[str]] = field(default_factory=dict)
    ill: bool = False

    def answer(self, wire: bytes) -> bytes:
        asked = dns.message.from_wire(wire)
        name = asked.question[0].name
        response = dns.message.make_response(asked)
        response.flags |= dns.flags.AA | dns.flags.RA
        texts = self.texts.get(name.to_text(omit_final_dot=True))
        if self.ill:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif texts is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif texts:
            quoted = [f'"{text}"' for text in texts]
            response.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *quoted))
        return response.to_wire()


@contextmanager
def name_server() -> Iterator[NameServer]:
    """Serve until the block ends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        server = NameServer(sock.getsockname())

        def serve() -> None:
            while True:
                wire, client = sock.recvfrom(4096)
                if wire == b"end":
                    return
                sock.sendto(server.answer(wire), client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
            ending.sendto(b"end", server.address)
        thread.join(5)
