"""TXT records, read without a cache from the name servers that `DNS_SERVERS` names.

The library is loaded when a record is first read: it holds six megabytes in each process.
"""

from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.utils.translation import gettext

from tenants.outbound import Unreachable

if TYPE_CHECKING:
    import dns.resolver

SECONDS: Final = 5.0


def txt_of(name: str) -> list[str]:
    """Return the texts of a name's TXT records; none where there are none. Raises Unreachable."""
    import dns.exception
    import dns.name
    import dns.resolver

    try:
        answer = _resolver().resolve(dns.name.from_text(f"{name}."), "TXT", search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as error:
        raise Unreachable(
            gettext(
                "The name servers did not answer; the domain stands as it was. Try again in a"
                " minute."
            )
        ) from error
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


def _resolver() -> "dns.resolver.Resolver":
    import dns.nameserver
    import dns.resolver

    servers = settings.DNS_SERVERS
    resolver = dns.resolver.Resolver(configure=not servers)
    if servers:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(*server) for server in servers]
    resolver.lifetime, resolver.timeout = SECONDS, SECONDS / 2
    return resolver
