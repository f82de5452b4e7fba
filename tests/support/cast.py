"""The fixed cast. In acme: Alice owns, Ada is admin, Max member, Bob viewer; Charlie owns globex.

Ines owns initech and Hugo owns hooli, which share a Knowledge Base; Uma's umbrella has its own.

Built once, as the owner, into the database that every test process clones.
"""

from dataclasses import dataclass
from typing import Final

PASSWORD: Final = "a long enough password"


@dataclass(frozen=True, slots=True)
class Person:
    """A user of a workspace, with a key that works in every test."""

    workspace: str
    name: str
    role: str

    @property
    def email(self) -> str:
        return f"{self.name.lower()}@{self.workspace}.example"

    @property
    def key(self) -> str:
        return f"tnt_test-key-of-{self.name.lower()}-in-{self.workspace}"

    @property
    def host(self) -> str:
        return f"{self.workspace}.localhost"


ALICE = Person("acme", "Alice", "owner")
ADA = Person("acme", "Ada", "admin")
MAX = Person("acme", "Max", "member")
BOB = Person("acme", "Bob", "viewer")
CHARLIE = Person("globex", "Charlie", "owner")
INES = Person("initech", "Ines", "owner")
HUGO = Person("hooli", "Hugo", "owner")
UMA = Person("umbrella", "Uma", "owner")
CAST: Final = (ALICE, ADA, MAX, BOB, CHARLIE, INES, HUGO, UMA)

STAFF_ROLES: Final = ("support", "finance", "security")

_WORKSPACE: Final = {"posture": "general", "region": "us-east-1"}
WORKSPACES: Final = {
    "acme": {"plan": "growth", "posture": "general", "region": "us-east-1"},
    "globex": {"plan": "enterprise", "posture": "regulated", "region": "eu-central-1"},
    "initech": _WORKSPACE | {"plan": "trial", "retrieval": "kb_shared"},
    "hooli": _WORKSPACE | {"plan": "growth", "retrieval": "kb_shared"},
    "umbrella": _WORKSPACE | {"plan": "enterprise", "retrieval": "kb_dedicated"},
}


def build() -> None:
    """Make the workspaces with their people and keys, and a staff user (owner's login)."""
    from tenants.accounts.keys import digest_of
    from tenants.accounts.models import ApiKey, Role, User
    from tenants.accounts.services import user_create
    from tenants.context import entered, public_scope
    from tenants.lifecycle.onboarding import tenant_create

    for slug, settings in WORKSPACES.items():
        people = [person for person in CAST if person.workspace == slug]
        owner = next(person for person in people if person.role == Role.OWNER)
        tenant = tenant_create(
            slug=slug,
            name=f"{slug.title()} Works",
            host=owner.host,
            owner_email=owner.email,
            owner_password=PASSWORD,
            owner_name=owner.name,
            **settings,
        )
        with entered(tenant.context):
            for person in people:
                user = User.objects.filter(email=person.email).first() or user_create(
                    email=person.email,
                    password=PASSWORD,
                    name=person.name,
                    role=Role(person.role),
                )
                ApiKey.objects.create(
                    user=user, name="tests", prefix=person.key[:12], digest=digest_of(person.key)
                )
    with public_scope("owner"):
        _invoices("acme", "globex")
        User.objects.create_superuser("staff@tenantry.example", PASSWORD, name="Staff")
        for role in STAFF_ROLES:
            User.objects.create_user(
                f"{role}@tenantry.example", PASSWORD, is_staff=True, staff_role=role
            )


def _invoices(*slugs: str) -> None:
    """Issue an invoice for a month long ago, so that there is one to look for."""
    from datetime import UTC, datetime

    from billing.models import Invoice, InvoiceLine
    from tenants.registry.models import Tenant

    begun, ended = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC)
    for number, tenant in enumerate(Tenant.objects.filter(slug__in=slugs), start=1):
        invoice = Invoice.objects.create(
            tenant_id=tenant.id, workspace=tenant.name, period=begun.date(), subtotal=10, total=10,
            bill_to={"name": tenant.name, "locale": "en-US"},
        )  # fmt: skip
        for position, kind in enumerate(("fee", "usage"), start=1):
            InvoiceLine.objects.create(
                invoice=invoice, tenant_id=tenant.id, position=position, kind=kind,
                text=f"A line of {tenant.name}", usd=5, starts_at=begun, ends_at=ended,
                units=["input_tokens"] if kind == "usage" else [],
                detail={"cost": "5", "markup_percent": "0"} if kind == "usage" else {},
            )  # fmt: skip
        invoice.series, invoice.number, invoice.state = 2025, number, "issued"
        invoice.issued_at, invoice.due_on = ended, ended.date()
        invoice.save()
