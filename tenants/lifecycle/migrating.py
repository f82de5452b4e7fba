"""Bring every schema to the newest migration: what is at head is skipped, the rest in parallel.

Each schema is migrated by itself, so a pass that failed or was cut off is simply run again: only
the rest is behind then. Runs under the owner's login, in a process of its own.
"""

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Final

from django.core.management import call_command
from django.db import connection

from tenants.context import public_scope
from tenants.lifecycle.schema import TEMPLATE, schema_migrate
from tenants.lifecycle.standing import behind
from tenants.registry.models import Status, Tenant

PUBLIC: Final = "public"


@dataclass(frozen=True, slots=True)
class Migrated:
    """One schema's outcome; `error` is empty where it went well."""

    schema: str
    seconds: float
    error: str = ""


def migrate_all(*, processes: int = 2) -> Iterator[Migrated]:
    """Yield each schema that was behind, as it is done; nothing where all are at head.

    `public` goes first, since tenants' code reads it. After a failure no further schema is begun.
    """
    if _public_is_behind():
        started = time.monotonic()
        call_command("migrate_schemas", shared=True, interactive=False, verbosity=0)
        yield Migrated(PUBLIC, time.monotonic() - started)
    with public_scope("owner"):
        late = behind([TEMPLATE, *_made()])
    if not late:
        return
    if len(late) == 1:
        yield _migrated(late[0])
        return
    connection.close()  # a forked process must not share it
    with ProcessPoolExecutor(
        max_workers=min(processes, len(late)), mp_context=multiprocessing.get_context("fork")
    ) as pool:
        tasks = {pool.submit(_migrated, schema) for schema in late}
        for task in as_completed(tasks):
            if task.cancelled():
                continue
            done = task.result()
            if done.error:
                for waiting in tasks:
                    waiting.cancel()
            yield done


def _public_is_behind() -> bool:
    with public_scope("owner"):
        return bool(behind([PUBLIC]))


def _made() -> list[str]:
    """Return the schemas of workspaces that are made; onboarding finishes the others itself."""
    living = Tenant.objects.filter(status__in=[Status.ACTIVE, Status.SUSPENDED])
    return list(living.order_by("schema_name").values_list("schema_name", flat=True))


def _migrated(schema: str) -> Migrated:
    started = time.monotonic()
    try:
        schema_migrate(schema)
    except Exception as error:  # whatever a migration raises belongs to its schema
        return Migrated(schema, time.monotonic() - started, f"{type(error).__name__}: {error}")
    return Migrated(schema, time.monotonic() - started)
