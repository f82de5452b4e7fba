"""Each layer's score alone: database, AWS, and the application's own checks.

`run()` is for reports; `tests/isolation/test_layers.py` fails the build on what got through.
"""

from collections.abc import Iterator
from typing import Any, Final

from tests.isolation import awsattempts, sqlattempts
from tests.isolation.attempts import Answer, by_key, by_session, sent, tried
from tests.isolation.entries import Entry, entries
from tests.isolation.score import Score
from tests.isolation.switchedoff import application_off, aws_off, database_off
from tests.isolation.world import OTHER, World
from tests.support.cast import ALICE, Person
from tests.support.clients import tenant_of
from tests.support.services import Worker

# What is read from the object store itself.
STORED: Final = ("original/", "data/export/<uuid:export_id>/")
ASKED: Final = (
    ("search/", {"query": "{canary}"}),
    ("ask/", {"question": "What does the {canary} plan allow?"}),
    ("search/", {"query": "{canary}", "document_ids": ["{document_id}"]}),
    ("ask/", {"question": "What does {canary} allow?", "document_ids": ["{document_id}"]}),
    ("write/", {"task": "summarize", "document_ids": ["{document_id}"]}),
)


def run(worker: Worker, world: World) -> dict[str, tuple[int, int]]:
    """Return, for each layer, how many attempts it met alone, and how many of them it refused.

    The world's rows are committed: begin with a database of one's own.
    """
    return {name: (score.tried, score.refused) for name, score in scores(worker, world).items()}


def scores(worker: Worker, world: World) -> dict[str, Score]:
    """Return each layer's score."""
    return {
        "database": _joined(sqlattempts.attempts(worker), database_alone(world)),
        "aws": _joined(awsattempts.attempts(), aws_alone(worker, world)),
        "application": application_alone(worker, world),
    }


def _joined(first: Score, second: Score) -> Score:
    return Score(first.tried + second.tried, [*first.through, *second.through])


def readers(world: World) -> list[Entry]:
    """Return the routes that read an object that a path names."""
    return [entry for entry in entries()
            if entry.kind == "route" and entry.method == "GET" and entry.needs != "nowhere"
            and entry.parameters and "token" not in entry.parameters]  # fmt: skip


def reads(world: World, person: Person = ALICE) -> Iterator[tuple[str, Answer]]:
    """Read every object of the other tenant's as an owner here: by path, by search, in answers."""
    session, key = by_session(world.sessions[person.email]), by_key(person.key)
    host = person.host
    for entry in readers(world):
        who = key if entry.api else session
        yield str(entry), tried(entry, world.theirs, host, who)
    for number, (path, body) in enumerate(ASKED):
        what = f"POST {path} ({number})"
        yield what, sent("POST", f"/api/v1/{path}", host, key, _filled(body, world))
    for path in ("documents/", "conversations/", "collections/"):
        yield f"GET {path}", sent("GET", f"/api/v1/{path}", host, key)
    found = (f"search/?q={world.canary}", f"search/typed/?q={world.canary}")
    for path in ("", "documents/", "assistant/", "assistant/list/", *found):
        yield f"GET {path} page", sent("GET", f"/{path}", host, session)


def at_home(world: World) -> set[str]:
    """Return what shows the other tenant's texts and objects to their owner, at home."""
    return {what for what, answer in reads(world, OTHER) if content(world, answer)}


def _filled(body: dict[str, Any], world: World) -> dict[str, Any]:
    names = world.theirs | {"canary": world.canary}
    return {
        key: [one.format(**names) for one in value] if isinstance(value, list)
        else value.format(**names)
        for key, value in body.items()
    }  # fmt: skip


def content(world: World, answer: Answer) -> bool:
    """Whether an answer tells something of the other tenant's, beyond the words that were asked."""
    return f"only {world.canary} may read" in answer.raw.lower() or (
        answer.status == 200 and f"about {world.canary}" in answer.raw.lower()
    )


def database_alone(world: World) -> Score:
    """Score the roles: the application aims every read at the other tenant's tables."""
    score = Score()
    with application_off(tenant_of(OTHER)), aws_off():
        for what, answer in reads(world):
            score.count(not content(world, answer), f"the application astray: {what}")
    return score


def aws_alone(worker: Worker, world: World) -> Score:
    """Score the policies: tables are open, and every object's key is the other tenant's."""
    score = Score()
    with application_off(tenant_of(OTHER)), database_off(worker):
        for entry in readers(world):
            if entry.name.endswith(STORED):
                answer = tried(entry, world.theirs, ALICE.host,
                               by_session(world.sessions[ALICE.email]))  # fmt: skip
                score.count(not content(world, answer), f"the application astray: {entry}")
    return score


def application_alone(worker: Worker, world: World) -> Score:
    """Score the application's checks: the superuser's login, the administrator's key."""
    score = Score()
    with database_off(worker), aws_off():
        for what, answer in reads(world):
            score.count(not content(world, answer), what)
    return score


def nothing_on(worker: Worker, world: World) -> Score:
    """Read with every layer off: what does not get through here proves nothing elsewhere."""
    score = Score()
    with application_off(tenant_of(OTHER)), database_off(worker), aws_off():
        for what, answer in reads(world):
            score.count(not content(world, answer), what)
    return score
