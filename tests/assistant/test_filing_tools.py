"""The assistant moves and tags documents as the user: at once only what they said, never wider."""

from typing import Any

from documents.access import documents_visible
from search.models import Collection, Filing
from tenants.context import entered
from tests.assistant.talking import Server, actor_for, conversation_for, kinds, talking
from tests.assistant.test_tools import PRICES, STREAM, proposed, steps, use
from tests.documents.helpers import ready
from tests.support.cast import MAX
from tests.support.clients import tenant_of
from tests.support.localaws import LocalAws


def collection(name: str, *, open: bool) -> Collection:
    with entered(tenant_of(MAX)):
        owner = actor_for(MAX).user_id
        return Collection.objects.create(name=name, open=open, owner_id=owner)


def where() -> set[str]:
    with entered(tenant_of(MAX)):
        return set(Filing.objects.values_list("collection__name", flat=True))


def tags() -> list[str]:
    with entered(tenant_of(MAX)):
        found: Any = documents_visible(actor_for(MAX)).get()
        return list(found.tags)


def test_what_the_user_names_is_moved_and_tagged_at_once(
    server: Server, localaws: LocalAws
) -> None:
    ready("Price list.csv", PRICES)
    collection("Sales", open=True)
    localaws.script(
        tool_use=[
            use("move_document", document="Price list", collection="Sales"),
            use("tag_document", document="Price list", tags="furniture, 2026"),
        ],
        match=STREAM,
    )
    with talking(server, MAX, conversation_for(MAX)) as talk:
        done = talk.ask("Move the price list into Sales and tag it furniture and 2026")
    assert "confirm" not in kinds(done)
    assert ("move_document", "Moved “Price list.csv” into “Sales”") in steps(done)
    assert where() == {"Sales"}
    assert tags() == ["2026", "furniture"]
    localaws.script(
        tool_use=[use("tag_document", document="Price list", tags="2026", take_off=True)],
        match=STREAM,
    )
    with talking(server, MAX, conversation_for(MAX)) as talk:
        talk.ask("Untag 2026 from the price list")
    assert tags() == ["furniture"]


def test_a_move_to_where_more_people_read_waits_whatever_was_said(
    server: Server, localaws: LocalAws
) -> None:
    document = ready("Price list.csv", PRICES)
    closed, opened = collection("Board", open=False), collection("Sales", open=True)
    with entered(tenant_of(MAX)):
        Filing.objects.create(document_id=document.id, collection=closed)
    conversation = conversation_for(MAX)
    localaws.script(
        tool_use=[use("move_document", document="Price list", collection="Sales")], match=STREAM
    )
    with talking(server, MAX, conversation) as talk:
        action = proposed(talk.ask("Move the price list into Sales"))
        assert action["summary"] == "Move “Price list.csv” into the collection “Sales”"
        assert where() == {"Board"}
        with entered(tenant_of(MAX)):
            Collection.objects.filter(id=opened.id).update(name="Everybody")
        talk.say("confirm", action_id=action["action_id"], approve=True)
        late = talk.until("turn.finished", "error")
    [(_, line)] = steps(late, "failed")
    assert "has changed meanwhile" in line
    assert where() == {"Board"}
    localaws.script(tool_use=[use("move_document", document="Price list")], match=STREAM)
    with talking(server, MAX, conversation) as talk:
        action = proposed(talk.ask("Move the price list out of everything"))
        assert "everybody in this workspace reads it" in action["summary"]
        talk.say("confirm", action_id=action["action_id"], approve=True)
        talk.until("turn.finished", "error")
    assert where() == set()


def test_unknown_collections_wrong_tags_and_what_a_document_says_change_nothing(
    server: Server, localaws: LocalAws
) -> None:
    ready("Price list.csv", PRICES)
    collection("Sales east", open=True)
    collection("Sales west", open=True)
    localaws.script(
        tool_use=[
            use("move_document", document="Price list", collection="Nowhere"),
            use("move_document", document="Price list", collection="Sales"),
            use("tag_document", document="Price list", tags="x" * 60),
            use("tag_document", document="Price list", tags=" , "),
            use("tag_document", document="Price list", tags="owned"),
        ],
        match=STREAM,
    )
    with talking(server, MAX, conversation_for(MAX)) as talk:
        frames = talk.ask("What does the price list say?")
    failed = " ".join(line for _, line in steps(frames, "failed"))
    assert "no collection called “Nowhere”" in failed
    assert "Several collections fit “Sales”" in failed
    assert "up to 20 tags" in failed
    assert proposed(frames)["summary"] == "Put “owned” on “Price list.csv”"
    assert (where(), tags()) == (set(), [])
