"""Work on many workspaces: `python -m tests.bench.many <task> <count>`.

Prints one JSON object with seconds. `make` makes workspaces, `keys` a key of each one's owner;
`pairs` makes some as django-tenants does by itself too, and `passes` migrates all schemas with
nothing to do both ways.
"""

import json
import sys
from time import perf_counter

import django


def make(count: int) -> dict[str, object]:
    """Make as many workspaces, one after the other."""
    began = perf_counter()
    for number in range(count):
        _made(f"bench-{number}")
    return {"whole": perf_counter() - began}


def _made(slug: str) -> float:
    """Make a workspace; return the seconds from asking until it could be used."""
    from tenants.context import public_scope
    from tenants.lifecycle.onboarding import tenant_create
    from tenants.registry.models import Onboarding

    tenant_create(
        slug=slug,
        name=slug,
        host=f"{slug}.localhost",
        owner_email=f"owner@{slug}.example",
        owner_password=None,
        owner_name="",
    )
    with public_scope("owner"):
        row = Onboarding.objects.get(slug=slug)
    return float((row.ready_at - row.requested_at).total_seconds())


def keys(count: int) -> dict[str, object]:
    """Make a key for each workspace's owner, as they would; under the app's login."""
    from billing.catalog import plan_terms
    from tenants.accounts.keys import api_key_create
    from tenants.accounts.models import User
    from tenants.context import Actor, entered, public_scope
    from tenants.registry.selectors import tenant_by_host

    made = []
    for number in range(count):
        host = f"bench-{number}.localhost"
        with public_scope("app_public"):
            tenant = tenant_by_host(host)
        with entered(tenant):
            owner = User.objects.get(email=f"owner@bench-{number}.example")
            actor = Actor(owner.id, owner.role, "session")
            made.append((host, api_key_create(actor=actor, user=owner, name="bench")[1]))
            requests = plan_terms(tenant.plan).rates.requests
    return {"keys": made, "requests_per_minute": requests}


def pairs(count: int) -> dict[str, object]:
    """Make as many workspaces each way, turn by turn: ours whole, theirs the schema alone."""
    from tenants.context import public_scope
    from tenants.lifecycle.onboarding import role_ensure
    from tenants.registry.models import Tenant

    def as_theirs(number: int) -> float:
        began = perf_counter()
        with public_scope("owner"):
            tenant = Tenant(slug=f"theirs-{number}", name="Theirs", schema_name=f"theirs_{number}")
            role_ensure(tenant.schema_name)
            tenant.auto_create_schema = True
            tenant.save(verbosity=0)
        return perf_counter() - began

    ours, theirs = [], []
    _made("pair-warm")
    for number in range(count):
        if number % 2:
            ours.append(_made(f"pair-{number}"))
        theirs.append(as_theirs(number))
        if not number % 2:
            ours.append(_made(f"pair-{number}"))
    return {"ours": ours, "theirs": theirs}


def passes(count: int) -> dict[str, object]:
    """Pass as many times each way over all schemas, with nothing to do, turn by turn."""
    from django.core.management import call_command

    from tenants.lifecycle.migrating import migrate_all

    def ours() -> None:
        assert list(migrate_all()) == []

    def theirs() -> None:
        call_command("migrate_schemas", tenant=True, interactive=False, verbosity=0)

    took: dict[str, list[float]] = {"ours": [], "theirs": []}
    ways = [("ours", ours), ("theirs", theirs)]
    for number in range(count):
        for name, way in ways if number % 2 else ways[::-1]:
            began = perf_counter()
            way()
            took[name].append(perf_counter() - began)
    return dict(took)


if __name__ == "__main__":
    task, number = sys.argv[1:]
    django.setup()
    work = {"make": make, "keys": keys, "pairs": pairs, "passes": passes}[task]
    print(json.dumps(work(int(number))))
