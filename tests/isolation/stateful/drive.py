"""Run random steps of five workspaces at once, look into the stores between, shrink what fails.

Each workspace has a stream of steps, done in their order; the streams run at once, so what one
workspace does falls anywhere into what the others do. None may notice: the oracle of a workspace
knows of its own steps alone.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import Final

from django.conf import settings
from django.db import connection

from tenants.context import public_scope
from tenants.registry.models import Tenant
from tests.isolation.stateful import (
    asking,
    beside,
    changing,
    colleagues,
    grouping,
    guest,
    reading,
)
from tests.isolation.stateful.canaries import GUEST
from tests.isolation.stateful.model import PEOPLE, Model
from tests.isolation.stateful.run import Run, Step, Turn, turn_of
from tests.isolation.stateful.stores import Stores
from tests.support.cast import CAST, WORKSPACES
from tests.support.clients import signed_in, staff_client, tenant_of, user_of
from tests.support.services import Worker

# How often each is drawn.
OPERATIONS: Final[dict[str, tuple[Callable[[Turn], Awaitable[None]], int]]] = {
    "documents": (reading.documents, 8),
    "document": (reading.document, 14),
    "conversations": (reading.conversations, 6),
    "conversation": (reading.conversation, 9),
    "why": (reading.why, 6),
    "overview": (reading.overview, 8),
    "outsider": (reading.outsider, 6),
    "staff": (reading.staff, 3),
    "search": (asking.search, 12),
    "search_page": (asking.search_page, 2),
    "ask": (asking.ask, 3),
    "write": (asking.write, 2),
    "message": (asking.message, 3),
    "regenerate": (asking.regenerate, 1),
    "talk": (asking.talk, 3),
    "upload": (changing.upload, 2),
    "delete_document": (changing.delete_document, 1),
    "begin": (changing.begin, 3),
    "collection": (changing.collection, 3),
    "group": (grouping.group, 3),
    "share": (grouping.share, 3),
    "collections": (reading.collections, 3),
    "hidden": (colleagues.hidden, 8),
    "safety": (changing.safety, 1),
    "work": (beside.work, 5),
    "forged": (beside.forged, 2),
    "upkeep": (beside.upkeep, 1),
    "shared": (beside.shared, 6),
}
FIRST: Final = ("collection", "begin", "upload", "upload", "work", "begin", "work")  # a start
# Beside those that are drawn.
PLANNED: Final = {"move": changing.move, "arrive": guest.arrive, "leave": guest.leave}
DRAWN: Final = ("acme", *WORKSPACES)  # acme twice: it alone has colleagues
MOVES_EVERY: Final = 400  # steps; a move takes seconds, and goes on beside the others
LOOK_EVERY: Final = 400  # steps
LIFE_EVERY: Final = 2000  # steps; a workspace is made, used and erased beside the others
LIFE_AT: Final = 60  # of these, its first
LIFE: Final = 40  # steps of its own in between


@dataclass(slots=True)
class Outcome:
    """What one run did and found."""

    seed: int
    operations: int = 0
    seconds: float = 0
    sightings: int = 0
    failures: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    last: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    took: Counter[str] = field(default_factory=Counter)  # seconds
    statuses: Counter[str] = field(default_factory=Counter)
    looks: dict[str, int] = field(default_factory=dict)

    def add(self, other: "Outcome") -> None:
        """Take in what a run beside this one did; the seed and steps are those of what failed."""
        if other.failures and not self.failures:
            self.seed, self.steps, self.last = other.seed, other.steps, other.last
        self.operations += other.operations
        self.sightings += other.sightings
        self.failures += other.failures
        for mine, theirs in ((self.done, other.done), (self.took, other.took),
                             (self.statuses, other.statuses)):  # fmt: skip
            mine.update(theirs)
        for store, number in other.looks.items():
            self.looks[store] = self.looks.get(store, 0) + number

    @property
    def leaks(self) -> int:
        return len(self.failures)

    @property
    def bound(self) -> float:
        """Return the rate of leaks per operation that 95 % confidence leaves possible.

        The rule of three: without a leak in N operations, 3/N.
        """
        return 3 / self.operations if self.operations else 1.0

    def __str__(self) -> str:
        rate = self.operations / self.seconds if self.seconds else 0
        return (
            f"{self.operations:,} operations in {self.seconds:.0f} s ({rate:.0f}/s),"
            f" {self.leaks} leaks, seed {self.seed}; a canary was seen {self.sightings:,} times"
            " by those who may"
        )


def drawn(seed: int, number: int) -> list[Step]:
    """Return the steps of a seed: the same for the same seed."""
    rng = Random(seed)
    names, weights = zip(*((name, weight) for name, (_, weight) in OPERATIONS.items()), strict=True)
    steps = [Step(each, name, rng.getrandbits(48)) for name in FIRST for each in WORKSPACES]
    for at in range(len(steps), number):
        name = "move" if at % MOVES_EVERY == MOVES_EVERY - 1 else rng.choices(names, weights)[0]
        steps.append(Step(rng.choice(DRAWN), name, rng.getrandbits(48)))
        if at % LIFE_EVERY == LIFE_AT and number > at + LIFE:
            life = ["arrive", *FIRST, *rng.choices(names, weights, k=LIFE), "leave"]
            steps += [Step(GUEST, each, rng.getrandbits(48)) for each in life]
    return steps[:number]


def started(worker: Worker, seed: int) -> Run:
    """Sign everybody in, on the largest plan: what is refused for want of tokens proves little."""
    model = Model(seed * 7_919 + int(time.time() * 1000))
    with public_scope("staff"):
        Tenant.objects.filter(slug__in=WORKSPACES).update(plan="enterprise")
    sessions = {}
    for person in CAST:
        cookies = signed_in(person).cookies
        sessions[person.email] = cookies[settings.SESSION_COOKIE_NAME].value
        model.user_ids[person.email] = str(user_of(person).id)
    for workspace in WORKSPACES:
        model.enter(workspace, tenant_of(PEOPLE[workspace][0]).id)
    staff_session = staff_client().cookies[settings.SESSION_COOKIE_NAME].value
    connection.close()
    return Run(model, sessions, staff_session, worker.manage)


def driven(worker: Worker, seed: int, steps: list[Step], *, at_once: bool = True) -> Outcome:
    """Do the steps on a database of one's own, and return what was found.

    `at_once`: the workspaces' streams beside one another; else strictly one step after another.
    """
    begun = time.monotonic()
    run = started(worker, seed)
    # Beside a browser, the main thread has a running loop.
    with Stores(worker, run.model) as stores, ThreadPoolExecutor(1) as aside:
        doing = _driven(run, stores, steps, at_once=at_once)
        outcome = aside.submit(asyncio.run, doing).result()
    outcome.seed, outcome.steps = seed, steps
    outcome.seconds = time.monotonic() - begun
    return outcome


async def _driven(run: Run, stores: Stores, steps: list[Step], *, at_once: bool) -> Outcome:
    outcome = Outcome(0)
    for at in range(0, len(steps), LOOK_EVERY):
        part = steps[at : at + LOOK_EVERY]
        beside.buckets_refill(run.model.tenant_ids.values())
        if at_once:
            streams = [[s for s in part if s.workspace == name] for name in PEOPLE]
            await asyncio.gather(*(_stream(run, stream) for stream in streams))
        else:
            await _stream(run, part)
        last = at + LOOK_EVERY >= len(steps)
        # Moves under way go on beside the next steps: waiting for them would leave the core idle.
        over = [name for name, move in run.aside.items() if move.done() or last or not at_once]
        await asyncio.gather(*(run.aside.pop(name) for name in over))
        found = await asyncio.to_thread(lambda: list(stores.leaks(thorough=last)))  # noqa: B023
        run.failures += found
        if run.failures:
            break
    await asyncio.gather(*run.aside.values())
    await asyncio.to_thread(beside.drain, run)
    outcome.operations = run.done.total()
    outcome.failures, outcome.last = run.failures, list(run.last)
    if run.failures:  # an answer 5xx says what it was by its request's id alone
        outcome.failures += stores.lines.defects
    outcome.done, outcome.took, outcome.statuses = run.done, run.took, run.statuses
    outcome.sightings, outcome.looks = run.model.sightings, stores.looks
    return outcome


async def _stream(run: Run, steps: Iterable[Step]) -> None:
    for step in steps:
        if run.failures:
            return
        if step.name != "arrive" and step.workspace not in run.model.tenant_ids:
            continue  # it is not there: it has left, or its arrival was left out
        run.last.append(str(step))
        run.done[step.name] += 1
        turn = turn_of(run, step)
        work = PLANNED.get(step.name) or OPERATIONS[step.name][0]
        begun = time.monotonic()
        try:
            await work(turn)
        except Exception as error:
            run.fail(f"{step} broke off with {type(error).__name__}: {error}")
        run.took[step.name] += time.monotonic() - begun


def shrunk(
    worker: Worker, seed: int, steps: list[Step], afresh: Callable[[], None], within: float = 120
) -> list[Step]:
    """Return few steps that fail as well, one after another; the same where that does not fail.

    Leaves out ever smaller parts (Zeller's ddmin), each time on a fresh database, for `within`
    seconds.
    """

    def fails(part: list[Step]) -> bool:
        afresh()
        return bool(driven(worker, seed, part, at_once=False).failures)

    until = time.monotonic() + within
    if not fails(steps):
        return steps
    size = max(1, len(steps) // 2)
    while size and time.monotonic() < until:
        at = 0
        while at < len(steps) and time.monotonic() < until:
            part = steps[:at] + steps[at + size :]
            if part and fails(part):
                steps = part
            else:
                at += size
        size //= 2
    return steps
