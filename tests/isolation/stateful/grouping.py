"""Operations of groups: an admin makes them and says who is in them, whoever manages shares."""

from tests.isolation.stateful.app import call
from tests.isolation.stateful.model import PEOPLE, Group, knows
from tests.isolation.stateful.reading import aim
from tests.isolation.stateful.run import Turn

MOST_GROUPS = 2  # of a workspace


async def group(turn: Turn) -> None:
    """Make a group, put somebody in or take them out; it holds from the next request on."""
    there = turn.model.groups.setdefault(turn.person.workspace, [])
    admin = turn.reaches("admin")
    if len(there) < MOST_GROUPS:
        name = f"Team {turn.rng.getrandbits(40):x}"
        answer = await call("POST", "groups/", turn.host, turn.who, {"name": name})
        done = turn.run.read(answer, turn.person, "a group", (201,) if admin else (403,))
        if done and answer.status == 201:
            there.append(Group(answer.json()["id"]))
        return
    chosen = turn.rng.choice(there)
    person = turn.rng.choice(PEOPLE[turn.person.workspace])
    path = f"groups/{chosen.id}/members/{turn.model.user_ids[person.email]}/"
    if turn.luck(0.6):
        answer = await call("PUT", path, turn.host, turn.who)
        done = turn.run.read(answer, turn.person, "a joining", (200,) if admin else (403,))
        if done and answer.status == 200:
            chosen.people.add(person)
        return
    answer = await call("DELETE", path, turn.host, turn.who)
    expected = (403,) if not admin else (204,) if person in chosen.people else (404,)
    if turn.run.read(answer, turn.person, "a leaving", expected) and answer.status == 204:
        chosen.people.discard(person)


async def share(turn: Turn) -> None:
    """Share a collection with a group or no longer; with another workspace's never."""
    everybodys = [each for kept in turn.model.groups.values() for each in kept]
    if not everybodys:
        await group(turn)
        return
    chosen = turn.rng.choice(everybodys)
    here = chosen in turn.model.groups.get(turn.person.workspace, [])
    identifier, thing, may = aim(turn, "collection")
    owns = may and thing is not None and thing.owner == turn.person
    manages = thing is not None and (owns or knows(turn.person, thing))
    manages = manages and turn.reaches("member")
    path = f"collections/{identifier}/groups/{chosen.id}/"
    if turn.luck(0.6):
        right = turn.rng.choice(("read", "add"))
        answer = await call("PUT", path, turn.host, turn.who, {"right": right})
        expected = (200,) if manages and here else (403, 404)
        done = turn.run.read(answer, turn.person, "a share with a group", expected)
        if done and answer.status == 200:
            assert thing is not None
            thing.groups[chosen] = right
        return
    answer = await call("DELETE", path, turn.host, turn.who)
    shared = thing is not None and chosen in thing.groups
    expected = (204,) if manages and shared else (403, 404)
    done = turn.run.read(answer, turn.person, "the end of a share with a group", expected)
    if done and answer.status == 204:
        assert thing is not None
        thing.groups.pop(chosen, None)
