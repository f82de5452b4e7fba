"""TXT records, read without a cache from the name servers that `DNS_SERVERS` names."""

from typing import Final

import dns.exception
import dns.name
import dns.nameserver
import dns.resolver
from django.conf import settings
from django.utils.translation import gettext

from tenants.outbound import Unreachable

SECONDS: Final = 5.0


def txt_of(name: str) -> list[str]:
    """Return the texts of a name's TXT records; none where there are none. Raises Unreachable."""
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


def _resolver() -> dns.resolver.Resolver:
    servers = settings.DNS_SERVERS
    resolver = dns.resolver.Resolver(configure=not servers)
    if servers:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(*server) for server in servers]
    resolver.lifetime, resolver.timeout = SECONDS, SECONDS / 2
    return resolver
