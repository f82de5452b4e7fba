"""Operations between people of one workspace: what one of them keeps, another never finds."""

from tests.isolation.stateful.app import call, uploaded
from tests.isolation.stateful.asking import search
from tests.isolation.stateful.beside import work
from tests.isolation.stateful.changing import COMMON
from tests.isolation.stateful.model import PEOPLE, Thing, sees
from tests.isolation.stateful.run import Turn
from tests.support.cast import Person


async def hidden(turn: Turn) -> None:
    """Ask for what a colleague keeps from the person; first have it kept, where there is nothing.

    Where there are no colleagues, search as always.
    """
    if not (kept := _kept_from(turn)):
        await (_keep(turn) if _colleagues(turn) else search(turn))
    if not (kept := kept or _kept_from(turn)):
        return
    thing = turn.rng.choice(kept)
    given = {"query": thing.bait, "limit": 20}
    answer = await call("POST", "search/", turn.host, turn.who, given)
    if turn.run.read(answer, turn.person, "a search for what a colleague keeps"):
        found = {row["document"]["id"] for row in answer.json()["results"]}
        if odd := found & {each.id for each in kept}:
            turn.run.fail(f"LEAK: a search finds {odd}, which {turn.person.email} may not read")


def _kept_from(turn: Turn) -> list[Thing]:
    within = turn.model.of(turn.person.workspace, "document")
    return [each for each in within if not sees(turn.person, each)]


def _colleagues(turn: Turn) -> list[Person]:
    """Return who else of the workspace may keep something."""
    everybody = PEOPLE[turn.person.workspace]
    return [each for each in everybody if each != turn.person and each.role != "viewer"]


async def _keep(turn: Turn) -> None:
    """Let a colleague file a document where the person does not get in."""
    keeper = Turn(turn.run, turn.rng.choice(_colleagues(turn)), turn.rng)
    place = turn.model.make("collection", keeper.person)
    place.open = False
    given = {"name": place.canary, "open": False}
    answer = await call("POST", "collections/", keeper.host, keeper.key, given)
    if not turn.run.read(answer, keeper.person, "a collection of one's own", (201,)):
        return
    turn.model.keep(place, answer.json()["id"])
    thing = turn.model.make("document", keeper.person)
    thing.within = place
    text = f"{COMMON}\n\nThe {thing.bait} plan of {thing.canary} is the keeper's alone.\n"
    answer = await uploaded(
        keeper.host, keeper.key, f"{thing.canary}.txt", text, collection=place.id
    )
    if turn.run.read(answer, keeper.person, "an upload of one's own", (201,)):
        thing.state = "queued"
        turn.model.keep(thing, answer.json()["id"])
        await work(turn)
