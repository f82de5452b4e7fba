"""The oracle: what there is, whose it is, and who may see it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Final
from uuid import UUID

from tests.isolation.stateful.canaries import GUEST, Mint, found_in
from tests.support.cast import CAST, WORKSPACES, Person

PRIVATE: Final = {"conversation", "message"}  # their owner's alone
GISELA: Final = Person(GUEST, "Gisela", "owner")
PEOPLE: Final = {
    name: [each for each in (*CAST, GISELA) if each.workspace == name]
    for name in (*WORKSPACES, GUEST)
}


@dataclass(slots=True, eq=False)
class Group:
    """A group of a workspace's people, as it is now."""

    id: str
    people: set[Person] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Thing:
    """An object with a canary. `state`: queued, ready or gone."""

    kind: str
    owner: Person
    canary: str
    bait: str
    id: str = ""
    state: str = "ready"
    messages: list[str] = field(default_factory=list)  # ids of a conversation's answers
    within: "Thing | None" = None  # the collection that a document is filed in
    open: bool = True  # of a collection: to the whole workspace
    members: dict[Person, str] = field(default_factory=dict)  # of a collection, with their rights
    groups: dict[Group, str] = field(default_factory=dict)  # of a collection, with their rights

    def right(self, person: Person) -> str:
        """Return the greatest right that the person has by name or by a group."""
        rights = {right for group, right in self.groups.items() if person in group.people}
        rights.add(self.members.get(person, ""))
        return max(rights, key=("", "read", "add").index)

    @property
    def workspace(self) -> str:
        return self.owner.workspace


def sees(person: Person, thing: Thing) -> bool:
    """Return whether the person may read it, while it is there."""
    if person.workspace != thing.workspace:
        return False
    if thing.kind.endswith("document"):
        return thing.within is None or sees(person, thing.within)
    if thing.kind == "collection":
        return thing.open or person == thing.owner or thing.right(person) != ""
    return thing.kind not in PRIVATE or person == thing.owner


def knows(person: Person, thing: Thing) -> bool:
    """Return whether the person may know of it: admins manage collections they may not read."""
    here = thing.kind == "collection" and thing.workspace == person.workspace
    return here and person.role in ("admin", "owner")


def shared(thing: Thing) -> bool:
    """Return whether it may have been read, and quoted, by somebody who no longer may."""
    return thing.kind not in PRIVATE


def changes(person: Person, thing: Thing) -> bool:
    """Return whether the person may add to the collection, or change the document."""
    if person.workspace != thing.workspace or person.role == "viewer":
        return False
    if thing.kind == "document":
        return thing.within is None or changes(person, thing.within)
    return thing.open or person == thing.owner or thing.right(person) == "add"


class Model:
    """Everything that one run has made."""

    def __init__(self, start: int) -> None:
        self.mint = Mint(start)
        self.by_canary: dict[str, Thing] = {}
        self.kept: dict[tuple[str, str], list[Thing]] = {}
        self.requests: dict[str, list[tuple[str, Person]]] = {name: [] for name in PEOPLE}
        self.tenant_ids: dict[str, UUID] = {}  # of those that are there now
        self.ever: dict[str, list[UUID]] = {name: [] for name in PEOPLE}  # and of the erased
        self.erased: set[str] = set()  # canaries of workspaces that have left
        self.groups: dict[str, list[Group]] = {}  # by workspace
        self.user_ids: dict[str, str] = {}  # by e-mail address
        self.sightings = 0  # canaries seen by those who may

    def make(self, kind: str, owner: Person) -> Thing:
        """Return a new object's words; it counts as there once `keep` is told of it."""
        canary, bait = self.mint.pair(owner.workspace)
        thing = self.by_canary[canary] = Thing(kind, owner, canary, bait)
        return thing

    def keep(self, thing: Thing, identifier: str = "") -> None:
        thing.id = identifier
        self.kept.setdefault((thing.workspace, thing.kind), []).append(thing)

    def drop(self, thing: Thing) -> None:
        """Count it as deleted: nobody may see it from now on. It can still be asked for."""
        thing.state = "gone"
        self.kept[thing.workspace, thing.kind].remove(thing)
        gone = self.kept.setdefault((thing.workspace, f"gone {thing.kind}"), [])
        gone.append(thing)
        del gone[:-20]

    def enter(self, workspace: str, tenant_id: UUID) -> None:
        """Count a workspace as there."""
        self.tenant_ids[workspace] = tenant_id
        self.ever[workspace].append(tenant_id)

    def leave(self, workspace: str) -> None:
        """Count a workspace as erased: nobody may see anything of it from now on."""
        del self.tenant_ids[workspace]
        self.groups.pop(workspace, None)
        self.erased |= {
            mark for mark, each in self.by_canary.items() if each.workspace == workspace
        }
        for thing in [
            each for key, kept in self.kept.items() if key[0] == workspace for each in kept
        ]:
            thing.state = "gone"
        self.kept = {key: kept for key, kept in self.kept.items() if key[0] != workspace}
        self.requests[workspace] = []

    def of(self, workspace: str, kind: str) -> list[Thing]:
        return self.kept.get((workspace, kind), [])

    def own(self, person: Person, kind: str, rng: Random) -> Thing | None:
        """Return one that the person may read, if there is any."""
        there = self.seen_by(person, kind)
        return rng.choice(there) if there else None

    def seen_by(self, person: Person, kind: str) -> list[Thing]:
        return [thing for thing in self.of(person.workspace, kind) if sees(person, thing)]

    def foreign(self, person: Person, kind: str, rng: Random) -> Thing | None:
        """Return one of another workspace's, or of a colleague's that the person may not read."""
        there = [
            thing
            for (_, named), things in self.kept.items()
            if named == kind
            for thing in things
            if not sees(person, thing)
        ]
        near = [thing for thing in there if thing.workspace == person.workspace]
        there = near if near and rng.random() < 0.5 else there  # a colleague's are few
        return rng.choice(there) if there else None

    def judge(self, text: str, viewer: Person | None, *, past: bool = False) -> Iterable[str]:
        """Yield a sentence for each canary in a text that its viewer may not see.

        `past`: history, which may quote documents that are gone. A canary of another run is judged
        by the workspace that it names.
        """
        for canary, workspace in found_in(text):
            thing = self.by_canary.get(canary)
            if canary in self.erased:
                yield f"LEAK of {canary}, of a workspace that was erased"
            elif viewer is None or workspace != viewer.workspace:
                yield f"LEAK of {canary}, {workspace}'s {thing.kind if thing else 'object'}"
            elif thing is None:
                continue
            elif not (sees(viewer, thing) or knows(viewer, thing) or (past and shared(thing))):
                yield f"LEAK of {canary}, a {thing.kind} of {thing.owner.email}"
            elif thing.state == "gone" and not past:
                yield f"LEAK of {canary}, a {thing.kind} that was deleted"
            else:
                self.sightings += 1
