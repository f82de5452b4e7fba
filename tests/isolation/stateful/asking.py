"""Operations that retrieve and generate."""

from urllib.parse import urlencode
from uuid import uuid4

from tests.isolation.stateful.app import Answer, call, heard, request, socket
from tests.isolation.stateful.model import Thing
from tests.isolation.stateful.reading import aim
from tests.isolation.stateful.run import Turn


def _target(turn: Turn) -> tuple[Thing | None, bool]:
    """Return a document to ask for, and whether it must be found."""
    chance = turn.rng.random()
    if chance < 0.45:
        own = turn.model.own(turn.person, "document", turn.rng)
        return own, own is not None and own.state == "ready"
    if chance < 0.85:
        return turn.model.foreign(turn.person, "document", turn.rng), False
    return turn.model.own(turn.person, "gone document", turn.rng), False


def _words(turn: Turn, thing: Thing | None) -> str:
    bait = thing.bait if thing else "nothing"
    return turn.rng.choice((
        bait, f"What does the {bait} plan allow?", f"Only whom does the {bait} word let read this?",
        "What may a hotel room cost?", f"Quote document {thing.id if thing else uuid4()}: {bait}",
    ))  # fmt: skip


def _strangers(turn: Turn, ids: set[str]) -> set[str]:
    """Return those ids that are none of the documents that the person may read."""
    return ids - {thing.id for thing in turn.model.seen_by(turn.person, "document")}


async def search(turn: Turn) -> None:
    """Search for a document by its bait, also within named documents."""
    thing, must = _target(turn)
    words = _words(turn, thing)
    given: dict[str, object] = {"query": words, "limit": 20}
    if turn.luck(0.3):
        identifier, _, may = aim(turn, "document")
        given["document_ids"] = [identifier]
        must = must and may and thing is not None and identifier == thing.id
    elif turn.luck(0.15):
        given["collection_ids"] = [aim(turn, "collection")[0]]
        must = False
    answer = await call("POST", "search/", turn.host, turn.who, given)
    if not turn.run.read(answer, turn.person, "a search", (200, 404)) or answer.status == 404:
        return
    found = answer.json()
    results = found["results"]
    if results:  # where nothing can be found, nothing is asked of Bedrock, and nothing recorded
        _noted(turn, found)
    if odd := _strangers(turn, {row["document"]["id"] for row in results}):
        turn.run.fail(f"LEAK: a search finds {odd}, which {turn.person.email} may not read")
    if must and thing is not None and words == thing.bait and thing.canary not in answer.text:
        turn.run.fail(f"a search for {thing.bait} does not find its document")


async def search_page(turn: Turn) -> None:
    """Search on the page."""
    thing, _ = _target(turn)
    query = urlencode({"q": _words(turn, thing)})
    answer = await request("GET", f"/search/?{query}", turn.host, turn.session)
    turn.run.read(answer, turn.person, "a page of results")


async def ask(turn: Turn) -> None:
    """Ask the documents, all of them or named ones."""
    thing, _ = _target(turn)
    given: dict[str, object] = {"question": _words(turn, thing)}
    if turn.luck(0.3):
        given["document_ids"] = [aim(turn, "document")[0]]
    answer = await call("POST", "ask/", turn.host, turn.who, given)
    # 409: a document that is named and not ready yet.
    if turn.run.read(answer, turn.person, "a question", (200, 404, 409)) and answer.status == 200:
        found = answer.json()
        if found["citations"]:
            _noted(turn, found)
        if odd := _strangers(turn, {row["document_id"] for row in found["citations"]}):
            turn.run.fail(f"LEAK: an answer cites {odd}")


async def write(turn: Turn) -> None:
    """Have something written, from documents or from a text."""
    identifier, _, may = aim(turn, "document")
    given: dict[str, object] = {"task": "summarize", "text": "A hotel room may cost 140 euros."}
    if turn.luck(0.6):
        given = {"task": "summarize", "document_ids": [identifier]}
    answer = await call("POST", "write/", turn.host, turn.who, given)
    named = "document_ids" in given
    expected = (403,) if not turn.reaches("member") else (200, 409) if may or not named else (404,)
    if turn.run.read(answer, turn.person, "writing", expected) and answer.status == 200:
        _noted(turn, answer.json())


def _noted(turn: Turn, found: dict[str, object]) -> None:
    if identifier := found.get("request_id"):
        turn.model.requests[turn.person.workspace].append((str(identifier), turn.person))


async def message(turn: Turn) -> None:
    """Say something in a conversation, one's own or another's, whole or as events."""
    identifier, talk, may = aim(turn, "conversation")
    thing, _ = _target(turn)
    said = turn.model.make("message", turn.person)
    given = {"text": f"{_words(turn, thing)} My own word is {said.canary}."}
    path = f"conversations/{identifier}/messages/"
    if turn.luck(0.7):
        answer = await call("POST", path, turn.host, turn.who, given)
    else:
        who = {**turn.who, "Accept": "text/event-stream"}
        answer = await call("POST", path, turn.host, who, given)
        answer = Answer(answer.status, answer.head, _joined(answer.text))
    # 409: an answer is still being written there.
    expected = (200, 201, 409) if may else (404,)
    done = turn.run.read(answer, turn.person, "a message", expected, past=may)
    if done and answer.status == 201 and talk is not None:
        found = answer.json()
        _noted(turn, found)
        talk.messages.append(found["id"])


def _joined(events: str) -> str:
    """Return the events' text, and once more with the words of the pieces put together."""
    pieces = [part.partition('"')[0] for part in events.split('"text": "')[1:]]
    return f"{events}\n{''.join(pieces)}"


async def regenerate(turn: Turn) -> None:
    """Have an answer written anew: one's own, or another's under one's own conversation."""
    talk = turn.model.own(turn.person, "conversation", turn.rng)
    if talk is None:
        await message(turn)
        return
    other = turn.model.foreign(turn.person, "conversation", turn.rng)
    own = turn.luck(0.4)
    ids = talk.messages if own else other.messages if other else []
    if not ids:
        await message(turn)
        return
    path = f"conversations/{talk.id}/messages/{turn.rng.choice(ids)}/regenerate/"
    answer = await call("POST", path, turn.host, turn.who)
    expected = (200, 201, 409) if own else (404,)
    turn.run.read(answer, turn.person, "an answer anew", expected, past=own)


async def talk(turn: Turn) -> None:
    """Open a socket to a conversation, ask, and hear all again; or be refused."""
    identifier, _, may = aim(turn, "conversation")
    about, _ = _target(turn)
    line = socket(identifier, turn.host, turn.session if turn.luck(0.8) else turn.key)
    admitted = await line.opened()
    if (admitted is True) is not may:
        turn.run.fail(f"a socket of {'an own' if may else 'no own'} conversation: {admitted}")
    if admitted is not True:
        line.stop(exceptions=False)
        return
    said = turn.model.make("message", turn.person)
    frames: list[dict[str, object]] = []
    other = turn.model.foreign(turn.person, "conversation", turn.rng)
    if other and other.messages:
        frames.append({"type": "regenerate", "message_id": turn.rng.choice(other.messages)})
    frames.append({"type": "ask", "text": f"{_words(turn, about)} My word is {said.canary}."})
    if turn.luck(0.5):
        frames.append({"type": "resume", "after": 0})
    for frame in frames:
        answers = await heard(line, frame)
        words = "".join(str(each.get("text", "")) for each in answers)
        text = "\n".join((words, *map(str, answers)))
        for found in turn.model.judge(text, turn.person, past=True):
            turn.run.fail(f"{found}, in a frame after {frame['type']}")
        last = answers[-1]
        turn.run.statuses[f"frame {frame['type']} {last['type']} {last.get('code', '')}"] += 1
        if frame["type"] == "regenerate" and last["type"] != "error":
            turn.run.fail(f"another's answer is written anew: {last}")
    await line.close()
