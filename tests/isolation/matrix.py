"""The attack matrix: every way into the product, tried by everybody who may not.

`run()` is for reports; `tests/isolation/test_matrix.py` fails the build on what it finds.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from unittest.mock import patch

import structlog

import tenants.accounts.keys
import tenants.signin.sessions
from bedrock.prompting import assistant_newest, assistant_set
from tenants.context import SYSTEM, current, entered
from tests.isolation import bodies, routes
from tests.isolation.attempts import answered, tally, tried
from tests.isolation.elsewhere import attack_elsewhere
from tests.isolation.entries import Entry, entries, undeclared
from tests.isolation.table import ROUTES
from tests.isolation.world import OTHER, World, build, kept
from tests.support.cast import ALICE
from tests.support.clients import tenant_of

log = structlog.get_logger(__name__)


# The other tenant masks, and what cannot be masked is shown there to nobody.
HIDDEN_WHERE_MASKED: Final = {
    "documents/<uuid:document_id>/pages/<int:index>/",
    "documents/<uuid:document_id>/pages/<int:index>/words/",
}


@dataclass(slots=True)
class Report:
    """What one run has tried, and what it found."""

    entries: int = 0
    covered: set[Entry] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    attempts: int = 0
    server_errors: int = 0  # answers of 500 and above, 503 of a service that is away among them
    seconds: float = 0

    def __str__(self) -> str:
        return (
            f"matrix: {self.entries} entries, {len(self.covered)} covered, {self.attempts}"
            f" attempts in {self.seconds:.1f} s, {self.server_errors} answered 5xx,"
            f" {len(self.failures)} failures"
        )


def run(forget: Callable[[], None]) -> tuple[int, int, list[str]]:
    """Return how many entries there are, how many were tried, and a sentence for each failure.

    `forget` empties the token buckets. Rows are committed: begin with a database of one's own.
    """
    report = attacked(build(), forget)
    return report.entries, len(report.covered), report.failures


def attacked(world: World, forget: Callable[[], None]) -> Report:
    """Try every entry in every way, then look whether the other tenant is as it was."""
    begun, before, errors = time.monotonic(), tally.total(), _server_errors()
    operations, unlisted = routes.operations()
    report = Report(failures=[*undeclared(), *unlisted])
    everything = entries()
    report.entries = len(everything)
    report.failures += [f"control: {said}" for said in control(world, everything)]
    kept_before = kept()
    with without_the_clock():
        for entry in everything:
            forget()
            features_on()
            attempts = (
                attack(world, operations, entry)
                if entry.kind == "route"
                else attack_elsewhere(world, entry)
            )
            try:
                report.failures += [f"{entry}: {said}" for said in attempts]
            except Exception as error:  # the other entries are tried all the same
                log.exception("matrix.broke_off", entry=str(entry))
                report.failures.append(f"{entry}: broke off with {type(error).__name__}: {error}")
            else:
                report.covered.add(entry)
        for route in ROUTES:
            report.failures += [f"route {route}: {said}" for said in routes.methods(world, route)]
    after = kept()
    report.failures += [
        f"{name} of the other tenant has changed"
        for name in after
        if after[name] != kept_before[name]
    ]
    report.attempts = tally.total() - before
    report.server_errors = _server_errors() - errors
    if report.server_errors:
        report.failures.append(f"{report.server_errors} attempts are answered 5xx")
    report.seconds = time.monotonic() - begun
    return report


@contextmanager
def without_the_clock() -> Iterator[None]:
    """Let requests differ by what they ask alone: uses are noted once a minute, by a statement."""
    with ExitStack() as stack:
        for where, name in (
            (tenants.accounts.keys, "LAST_USED_EVERY"),
            (tenants.signin.sessions, "SEEN_EVERY"),
        ):
            stack.enter_context(patch.object(where, name, timedelta(days=1)))
        yield


def features_on() -> None:
    """Switch on again what an attack on the settings has switched off, as an empty form does."""
    with entered(tenant_of(ALICE)):
        if assistant_newest(current()).off:
            assistant_set(actor=SYSTEM, values={"off": []})


def _server_errors() -> int:
    return sum(number for status, number in answered.items() if status >= 500)


def attack(world: World, operations: dict[str, str], entry: Entry) -> Iterator[str]:
    """Make every attempt on one route and method."""
    with routes.watching(world.canary) as leaks:
        if entry.needs == "nowhere":
            yield from routes.nowhere(world, entry)
        else:
            yield from routes.identities(world, entry)
            yield from routes.ids_in_queries(world, entry)
            yield from bodies.ids_in_bodies(world, operations, entry)
            yield from bodies.ids_in_forms(world, entry)
            yield from routes.hosts(world, entry)
            yield from routes.reset_links(world, entry)
            yield from routes.passwords(world, entry)
            if entry.needs != "anyone":
                yield from routes.roles(world, entry)
                yield from routes.ids_in_paths(world, entry)
            yield from routes.origins(world, entry)
    yield from leaks


def control(world: World, everything: list[Entry]) -> Iterator[str]:
    """Read the other tenant's objects as their owner: what cannot be read proves nothing."""
    seen = 0
    for entry in everything:
        if entry.kind == "route" and entry.method == "GET" and entry.needs in routes.RANKS:
            if "token" in entry.parameters:
                continue
            answer = tried(entry, world.theirs, OTHER.host, routes.by(world, entry, OTHER))
            seen += world.canary in answer.raw
            hidden = entry.name in HIDDEN_WHERE_MASKED and answer.status == 409
            if entry.parameters and answer.status != 200 and not hidden:
                yield f"its owner is answered {answer.status} by {entry}"
    if seen < 8:
        yield f"the canary was seen in {seen} answers to its owner"
