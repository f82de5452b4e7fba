"""The owner's part of the table of many tenants: `python -m tests.bench.many <task> <count>`.

Prints one JSON object with seconds. `make` makes workspaces; `theirs` makes three as django-tenants
does by itself; `idle` and `idle-theirs` pass over all schemas with nothing to do.
"""

import json
import sys
from statistics import median
from time import perf_counter

import django


def make(count: int) -> dict[str, object]:
    from tenants.context import public_scope
    from tenants.lifecycle.onboarding import tenant_create
    from tenants.registry.models import Onboarding

    began = perf_counter()
    for number in range(count):
        slug = f"bench-{number}"
        tenant_create(
            slug=slug,
            name=slug,
            host=f"{slug}.localhost",
            owner_email=f"owner@{slug}.example",
            owner_password=None,
            owner_name="",
        )
    whole = perf_counter() - began
    with public_scope("owner"):
        rows = Onboarding.objects.filter(slug__startswith="bench-").exclude(slug="bench-0")
        usable = [(row.ready_at - row.requested_at).total_seconds() for row in rows]
    return {"whole": whole, "usable": median(usable), "most": max(usable)}


def theirs(count: int) -> dict[str, object]:
    from tenants.context import public_scope
    from tenants.lifecycle.onboarding import role_ensure
    from tenants.registry.models import Tenant

    took = []
    for number in range(count):
        began = perf_counter()
        with public_scope("owner"):
            tenant = Tenant(slug=f"theirs-{number}", name="Theirs", schema_name=f"theirs_{number}")
            role_ensure(tenant.schema_name)
            tenant.auto_create_schema = True
            tenant.save(verbosity=0)
        took.append(perf_counter() - began)
    return {"usable": median(took), "most": max(took)}


def idle(_: int) -> dict[str, object]:
    from tenants.lifecycle.migrating import migrate_all

    began = perf_counter()
    assert list(migrate_all()) == []
    return {"whole": perf_counter() - began}


def idle_theirs(_: int) -> dict[str, object]:
    from django.core.management import call_command

    began = perf_counter()
    call_command("migrate_schemas", tenant=True, interactive=False, verbosity=0)
    return {"whole": perf_counter() - began}


if __name__ == "__main__":
    task, number = sys.argv[1:]
    django.setup()
    work = {"make": make, "theirs": theirs, "idle": idle, "idle-theirs": idle_theirs}[task]
    print(json.dumps(work(int(number))))
