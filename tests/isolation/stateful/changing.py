"""Operations that make, change and delete."""

import asyncio

from django.core.management import CommandError, call_command
from django.db import connection

from tests.isolation.stateful.app import call, uploaded
from tests.isolation.stateful.model import PEOPLE, changes, knows, sees
from tests.isolation.stateful.reading import aim, documents
from tests.isolation.stateful.run import Turn

MOST_DOCUMENTS = 8  # of a workspace, so that lists and searches stay small
MOST_CONVERSATIONS = 5  # of a person
MOST_COLLECTIONS = 4  # of a workspace
# The same in every workspace: passages that no vector tells apart.
COMMON = "A hotel room may cost at most 140 euros a night. Trains are booked in second class."
TARGETS = ("schema", "kb_shared", "kb_dedicated")


async def upload(turn: Turn) -> None:
    """Upload a document; where there are many, delete one instead."""
    if len(turn.model.of(turn.person.workspace, "document")) >= MOST_DOCUMENTS:
        await delete_document(turn)
        return
    thing = turn.model.make("document", turn.person)
    text = (
        f"{COMMON}\n\nThe {thing.bait} plan of {thing.canary} allows 140 euros a night."
        f" Only the {thing.bait} word {thing.canary} lets people read this.\n"
    )
    end, fields = turn.rng.choice(("txt", "txt", "md", "csv")), {}
    if turn.luck(0.5):
        identifier, within, _ = aim(turn, "collection")
        fields, thing.within = {"collection": identifier}, within
    answer = await uploaded(turn.host, turn.who, f"{thing.canary}.{end}", text, **fields)
    expected = (403,) if not turn.reaches("member") else (201,)
    if turn.reaches("member") and fields:
        within = thing.within
        if within is None or not (sees(turn.person, within) or knows(turn.person, within)):
            expected = (404,)
        elif not changes(turn.person, within):
            expected = (403,)
    if turn.run.read(answer, turn.person, "an upload", expected) and answer.status == 201:
        thing.state = "queued"
        turn.model.keep(thing, answer.json()["id"])


async def delete_document(turn: Turn) -> None:
    """Delete a document, and look at once whether it is found."""
    identifier, thing, may = aim(turn, "document")
    if may and len(turn.model.of(turn.person.workspace, "document")) < 3:
        await documents(turn)
        return
    answer = await call("DELETE", f"documents/{identifier}/", turn.host, turn.who)
    expected = (403,) if not turn.reaches("member") else (404,)
    if may and thing is not None and turn.reaches("member"):
        expected = (204,) if changes(turn.person, thing) else (403,)
    done = turn.run.read(answer, turn.person, "a deletion", expected, past=True)
    if done and answer.status == 204 and thing is not None:
        turn.model.drop(thing)
        found = await call("POST", "search/", turn.host, turn.who, {"query": thing.bait})
        turn.run.read(found, turn.person, "a search for what was just deleted")


async def begin(turn: Turn) -> None:
    """Begin a conversation, give it a name, or delete one."""
    if len(turn.model.seen_by(turn.person, "conversation")) < MOST_CONVERSATIONS and turn.luck(0.7):
        thing = turn.model.make("conversation", turn.person)
        given = {"title": f"About {thing.canary}"}
        answer = await call("POST", "conversations/", turn.host, turn.who, given)
        if turn.run.read(answer, turn.person, "a new conversation", (201,)):
            turn.model.keep(thing, answer.json()["id"])
        return
    identifier, aimed, may = aim(turn, "conversation")
    path, expected = f"conversations/{identifier}/", (200, 204) if may else (404,)
    if turn.luck(0.5):
        title = f"Named {aimed.canary}" if may and aimed else "Taken"
        answer = await call("PATCH", path, turn.host, turn.who, {"title": title})
        turn.run.read(answer, turn.person, "a renaming", expected, past=may)
        return
    answer = await call("DELETE", path, turn.host, turn.who)
    if turn.run.read(answer, turn.person, "the end of a conversation", expected, past=may) and may:
        assert aimed is not None
        turn.model.drop(aimed)


async def collection(turn: Turn) -> None:
    """Make a collection, open or for its owner alone; where there are some, share one or not."""
    if len(turn.model.of(turn.person.workspace, "collection")) >= MOST_COLLECTIONS:
        await share(turn)
        return
    thing = turn.model.make("collection", turn.person)
    thing.open = turn.luck(0.3)
    given = {"name": thing.canary, "open": thing.open}
    answer = await call("POST", "collections/", turn.host, turn.who, given)
    expected = (201,) if turn.reaches("member") else (403,)
    if turn.run.read(answer, turn.person, "a collection", expected) and answer.status == 201:
        turn.model.keep(thing, answer.json()["id"])


async def share(turn: Turn) -> None:
    """Let a colleague read a collection or no longer; it holds from the next request on."""
    identifier, thing, may = aim(turn, "collection")
    guest = turn.rng.choice(PEOPLE[turn.person.workspace])
    path = f"collections/{identifier}/members/{turn.model.user_ids[guest.email]}/"
    owns = may and thing is not None and thing.owner == turn.person
    manages = thing is not None and (owns or knows(turn.person, thing))
    manages = manages and turn.reaches("member")
    if turn.luck(0.6):
        right = turn.rng.choice(("read", "add"))
        answer = await call("PUT", path, turn.host, turn.who, {"right": right})
        expected = (200,) if manages else (403, 404)
        if turn.run.read(answer, turn.person, "a share", expected) and answer.status == 200:
            assert thing is not None
            thing.members[guest] = right
        return
    answer = await call("DELETE", path, turn.host, turn.who)
    expected = (403, 404)
    if manages and thing is not None and guest in thing.members:
        expected = (204,)
    if turn.run.read(answer, turn.person, "the end of a share", expected) and manages:
        assert thing is not None
        thing.members.pop(guest, None)


async def safety(turn: Turn) -> None:
    """Block a word of one's own, as an admin; others are refused."""
    thing = turn.model.make("rule", turn.person)
    answer = await call("PATCH", "safety/", turn.host, turn.who, {"words": [thing.canary]})
    turn.run.read(answer, turn.person, "a rule", (200,) if turn.reaches("admin") else (403,))


async def move(turn: Turn) -> None:
    """Move the workspace's vectors to another target, while everything else goes on."""
    workspace, target = turn.person.workspace, turn.rng.choice(TARGETS)
    if workspace in turn.run.aside:
        return

    def moved() -> None:
        try:
            call_command("move_retrieval", tenant=workspace, to=target, stdout=_Silent())
        except CommandError as error:
            turn.run.statuses[f"move refused: {error}"] += 1
        else:
            turn.run.statuses[f"moved to {target}"] += 1
        finally:
            connection.close()

    turn.run.aside[workspace] = asyncio.create_task(asyncio.to_thread(moved))


class _Silent:
    """Where a command's progress goes."""

    def write(self, _text: str) -> None:
        """Forget it."""
