"""Operations that read, with one's own ids, another workspace's, a colleague's and nobody's."""

from urllib.parse import quote
from uuid import uuid4

from tests.isolation.attempts import by_key, by_session
from tests.isolation.entries import admin_models
from tests.isolation.stateful.app import call, request
from tests.isolation.stateful.model import Thing, knows
from tests.isolation.stateful.run import Turn
from tests.support.cast import CAST


def aim(turn: Turn, kind: str) -> tuple[str, Thing | None, bool]:
    """Return an id to try, whose it is, and whether the person may see it."""
    chance = turn.rng.random()
    if chance < 0.5 and (own := turn.model.own(turn.person, kind, turn.rng)):
        return own.id, own, True
    if chance < 0.85 and (foreign := turn.model.foreign(turn.person, kind, turn.rng)):
        return foreign.id, foreign, False
    if chance < 0.95 and (gone := turn.model.own(turn.person, f"gone {kind}", turn.rng)):
        return gone.id, gone, False
    return str(uuid4()), None, False


async def documents(turn: Turn) -> None:
    """List all documents, page by page: exactly what one may read."""
    path, found = "documents/?limit=5", set()
    while path:
        answer = await call("GET", path, turn.host, turn.who)
        if not turn.run.read(answer, turn.person, "a list of documents"):
            return
        page = answer.json()
        found |= {row["id"] for row in page["results"]}
        path = (page["next"] or "").partition("/api/v1/")[2]
    there = {thing.id for thing in turn.model.seen_by(turn.person, "document")}
    if found != there:
        turn.run.fail(f"a list of documents has {found - there} too many, lacks {there - found}")


async def document(turn: Turn) -> None:
    """Read a document, its text or its page."""
    identifier, thing, may = aim(turn, "document")
    expected = (200,) if may else (404,)
    where = turn.rng.choice(("", "text/", "page", "state", "original"))
    if where in ("", "text/"):
        if where and may and thing is not None and thing.state != "ready":
            await documents(turn)  # its text may or may not be there yet
            return
        answer = await call("GET", f"documents/{identifier}/{where}", turn.host, turn.who)
        what = f"{'a' if may else 'no'} document's {where or 'row'}"
        if turn.run.read(answer, turn.person, what, expected) and may and thing is not None:
            if thing.canary not in answer.text:
                turn.run.fail(f"{what} lacks its own canary, so this proves nothing")
            if not where and answer.json()["status"] == "ready":
                thing.state = "ready"
    else:
        if may and thing is not None and thing.state != "ready":
            await documents(turn)
            return
        path = {"page": "", "state": "state/", "original": "original/"}[where]
        answer = await request("GET", f"/documents/{identifier}/{path}", turn.host, turn.session)
        turn.run.read(answer, turn.person, f"{'a' if may else 'no'} document's {where}", expected)


async def conversations(turn: Turn) -> None:
    """List one's conversations: exactly one's own."""
    answer = await call("GET", "conversations/?limit=100", turn.host, turn.who)
    if turn.run.read(answer, turn.person, "a list of conversations"):
        found = {row["id"] for row in answer.json()["results"]}
        there = {thing.id for thing in turn.model.seen_by(turn.person, "conversation")}
        if found != there:
            turn.run.fail(f"conversations: {found - there} too many, lacks {there - found}")


async def conversation(turn: Turn) -> None:
    """Read a conversation, by REST or as a page."""
    identifier, thing, may = aim(turn, "conversation")
    expected = (200,) if may else (404,)
    if turn.luck(0.7):
        answer = await call("GET", f"conversations/{identifier}/", turn.host, turn.who)
    else:
        answer = await request("GET", f"/assistant/{identifier}/", turn.host, turn.session)
    what = f"{'a' if may else 'no'} conversation"
    done = turn.run.read(answer, turn.person, what, expected, past=may)
    if done and may and thing is not None and thing.canary not in answer.text:
        turn.run.fail(f"{what} lacks its own canary, so this proves nothing")


async def collections(turn: Turn) -> None:
    """Read a collection and whom it is shared with."""
    identifier, thing, may = aim(turn, "collection")
    may = may or (thing is not None and knows(turn.person, thing))
    where = turn.rng.choice(("", "members/"))
    answer = await call("GET", f"collections/{identifier}/{where}", turn.host, turn.who)
    what = f"{'a' if may else 'no'} collection's {where or 'row'}"
    turn.run.read(answer, turn.person, what, (200,) if may else (404,))


async def why(turn: Turn) -> None:
    """Read how a request was answered: one's own, admins a colleague's, nobody another's."""
    requests = turn.model.requests
    here = requests[turn.person.workspace]
    if turn.luck(0.5) and here:
        identifier, owner = turn.rng.choice(here)
        may = owner == turn.person or turn.reaches("admin")
    else:
        elsewhere = [kept for name, kept in requests.items() if name != turn.person.workspace]
        rows = turn.rng.choice(elsewhere)
        identifier, may = (turn.rng.choice(rows)[0] if rows else str(uuid4())), False
    answer = await call("GET", f"requests/{identifier}/", turn.host, turn.who)
    what = f"{'a' if may else 'no'} request"
    turn.run.read(answer, turn.person, what, (200,) if may else (404,), past=True)


async def overview(turn: Turn) -> None:
    """Read the pages and lists that name no object."""
    path = turn.rng.choice((
        "/", "/usage/", "/usage/meters/", "/documents/", "/documents/rows/", "/assistant/",
        "/assistant/list/", "/search/", "/ask/", "/settings/members/", "/settings/keys/",
        "/settings/safety/", "/api/v1/usage/", "/api/v1/collections/", "/api/v1/safety/",
        "/collections/",
    ))  # fmt: skip
    answer = await request("GET", path, turn.host, turn.session)
    # An empty assistant leads to the newest conversation, a home page to the first surface.
    turn.run.read(answer, turn.person, path, (200, 302), past=True)


async def outsider(turn: Turn) -> None:
    """Come with another workspace's key or session, or none: nothing is shown."""
    others = [person for person in CAST if person.workspace != turn.person.workspace]
    other = turn.rng.choice(others)
    who = turn.rng.choice((by_key(other.key), by_session(turn.run.sessions[other.email]), {}))
    thing = turn.model.own(turn.person, "document", turn.rng)
    identifier = thing.id if thing else str(uuid4())
    path = turn.rng.choice((
        "/api/v1/documents/", f"/api/v1/documents/{identifier}/", "/api/v1/conversations/",
        f"/api/v1/documents/{identifier}/text/", f"/documents/{identifier}/", "/api/v1/usage/",
        f"/documents/{identifier}/original/", f"/search/?q={quote(thing.bait if thing else 'x')}",
    ))  # fmt: skip
    answer = await request("GET", path, turn.host, who)
    turn.run.read(answer, None, "an outsider", (401, 403) if "/api/" in path else (302,))


async def staff(turn: Turn) -> None:
    """Read staff's lists: no workspace's words stand in any."""
    label = turn.rng.choice(sorted(admin_models()))
    app, _, model = label.lower().partition(".")
    host, who = "localhost", by_session(turn.run.staff_session)
    answer = await request("GET", f"/admin/{app}/{model}/", host, who)
    turn.run.read(answer, None, "a list of staff's")
