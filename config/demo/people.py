"""Who belongs to the demo workspaces, and passwords that a person can type."""

import secrets
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class DemoUser:
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class DemoTenant:
    slug: str
    name: str
    plan: str
    posture: str
    region: str
    retrieval: str
    users: tuple[DemoUser, ...]


TENANTS: Final = (
    DemoTenant(
        "acme",
        "Acme Outdoor",
        "growth",
        "general",
        "us-east-1",
        "schema",
        (
            DemoUser("Alice Moreau", "owner"),
            DemoUser("Adrian Cole", "admin"),
            DemoUser("Maya Lindqvist", "member"),
            DemoUser("Ben Ortiz", "viewer"),
        ),
    ),
    DemoTenant(
        "globex",
        "Globex Health",
        "enterprise",
        "regulated",
        "eu-central-1",
        "kb_dedicated",
        (
            DemoUser("Charlotte Brandt", "owner"),
            DemoUser("Anton Weiss", "admin"),
            DemoUser("Mira Keller", "member"),
            DemoUser("Viktor Sommer", "viewer"),
        ),
    ),
    DemoTenant(
        "initech",
        "Initech Software",
        "trial",
        "general",
        "us-east-1",
        "kb_shared",
        (
            DemoUser("Ines Romero", "owner"),
            DemoUser("Arjun Patel", "admin"),
            DemoUser("Milo Hansen", "member"),
            DemoUser("Vera Novak", "viewer"),
        ),
    ),
)

WORDS: Final = tuple(
    """
    amber anchor aspen basil birch canyon cedar clover cobalt copper coral crimson dune ember
    falcon fern fjord garnet glacier harbor hazel heron indigo iris ivory jasper juniper kestrel
    lagoon larch linen lotus maple marble meadow mesa mint moss nectar oak ochre olive onyx opal
    orchid osprey pebble pine plum poppy quartz raven reef ridge saffron sage slate sorrel spruce
    summit teal thistle timber topaz tulip umber velvet violet willow wren zephyr
    """.split()
)


def password() -> str:
    """Return four random words and two digits, about 31 bits: for a machine's own demo only."""
    words = "-".join(secrets.choice(WORDS) for _ in range(4))
    return f"{words}-{secrets.randbelow(90) + 10}"
