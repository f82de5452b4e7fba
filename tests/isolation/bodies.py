"""Ids in what a request carries: in JSON by the schema's fields, in forms by a table of names."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from tests.isolation.attempts import Answer, tried
from tests.isolation.entries import UPLOADS, Entry
from tests.isolation.routes import HERE_HOST, NAMES, RANKS, by, told_apart, unaware
from tests.isolation.table import BODIES, BODY_IDS
from tests.isolation.world import World
from tests.support.cast import ALICE, Person

MANY: Final = {"collections", "members"}  # fields that take several ids, beside those in `_ids`
# Page -> the fields of its form that name an object, and what else must stand in it.
FORMS: Final[dict[str, tuple[dict[str, str], dict[str, str]]]] = {
    "documents/": ({"collection": "collection_id"}, {}),
    "documents/bulk/": (
        {"document": "document_id", "collection": "collection_id"},
        {"action": "move", "document": "<own>"},
    ),
    "collections/<uuid:collection_id>/members/": ({"user": "user_id"}, {"right": "read"}),
    "settings/keys/": (
        {"program": "program_id"},
        {"name": "Taken", "days": "30", "everything": "yes"},
    ),
    "usage/alerts/": ({"members": "user_id"}, {"quota": "80"}),
    "assistant/<uuid:conversation_id>/choose/": ({"message_id": "message_id"}, {}),
}


def ids_in_bodies(world: World, operations: Mapping[str, str], entry: Entry) -> Iterator[str]:
    """Try ids in each field of the schema that holds one, and as members that nobody reads."""
    if not entry.api or entry.method not in ("POST", "PATCH", "PUT") or entry.needs not in RANKS:
        return
    base = BODIES.get((entry.name, entry.method), {})
    fields = BODY_IDS.get(operations.get(f"{entry.method} {entry.name}", ""), {})
    file = "an upload for a collection" if entry.name in UPLOADS else ""
    unknown = world.unknown()

    def asked(person: Person, path: Mapping[str, str], values: Mapping[str, Any]) -> Answer:
        who = by(world, entry, person)
        return tried(entry, path, HERE_HOST, who, body={**base, **values}, file=file)

    for name, kind in fields.items():
        many = name.endswith("_ids") or name in MANY
        for person, whose, ids in _whose(world, entry, kind):
            # In a request on one's own object: an unknown one would end it before the body counts.
            yield from told_apart(
                f"{whose} {kind} as {name}",
                partial(asked, person, world.own, {name: [ids[kind]] if many else ids[kind]}),
                partial(
                    asked, person, world.own, {name: [unknown[kind]] if many else unknown[kind]}
                ),
            )
    if entry.parameters:
        members = {name: kind for name, kind in NAMES.items() if name not in base}
        yield from told_apart(
            "another tenant's ids as further members",
            partial(
                asked, ALICE, unknown, {name: world.theirs[kind] for name, kind in members.items()}
            ),
            partial(
                asked, ALICE, unknown,
                {name: unknown.get(kind, kind) for name, kind in members.items()},
            ),
        )  # fmt: skip


def ids_in_forms(world: World, entry: Entry) -> Iterator[str]:
    """Try ids in the fields of a page's form that name an object."""
    if entry.api or entry.method != "POST" or entry.name not in FORMS:
        return
    fields, beside = FORMS[entry.name]
    unknown = world.unknown()
    file = "an upload for a collection" if entry.name == "documents/" else ""

    def asked(person: Person, field: str, value: str) -> Answer:
        body = {
            name: world.own[fields[name]] if given == "<own>" else given
            for name, given in beside.items()
        }
        who = by(world, entry, person)
        return tried(entry, world.own, HERE_HOST, who, body={**body, field: value}, file=file)

    for field, kind in fields.items():
        for person, whose, ids in _whose(world, entry, kind):
            yield from told_apart(
                f"{whose} {kind} in the form as {field}",
                partial(asked, person, field, ids[kind]),
                partial(asked, person, field, unknown[kind]),
            )


def _whose(world: World, entry: Entry, kind: str) -> list[tuple[Person, str, Mapping[str, str]]]:
    tries: list[tuple[Person, str, Mapping[str, str]]] = [(ALICE, "another tenant's", world.theirs)]
    if kind in world.hidden:
        tries += [(person, "a hidden", world.hidden) for person in unaware(entry)]
    return tries
