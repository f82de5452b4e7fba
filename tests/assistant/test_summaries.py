"""Long conversations: what came first is summarized once, metered, shown, and the prefix stays."""

from billing.models import LedgerEntry
from tenants.context import entered
from tests.assistant.talking import Server, conversation_for, said_in, talking
from tests.support.cast import BOB
from tests.support.clients import browser_of, tenant_of
from tests.support.localaws import LocalAws

STREAM = {"operation": "ConverseStream"}
LONG = "The boiler in the north wing was examined on Tuesday. " * 140
SUMMARY = "The user told at length that the boiler was examined on Tuesday."


def test_what_came_first_is_summarized_once(server: Server, localaws: LocalAws) -> None:
    conversation = conversation_for(BOB, "Boilers")
    localaws.script(text="Noted.", times=5, match=STREAM)
    localaws.script(text=SUMMARY, match={"operation": "Converse", "contains": "summarize"})
    with talking(server, BOB, conversation) as talk:
        for text in (LONG, LONG.upper()):
            assert all(step["name"] != "summarize" for step in talk.ask(text)[-1]["steps"])
        third = talk.ask("Which wing of the building did I mention to you before now?")[-1]
        fourth = talk.ask("Which day of the week did I mention to you before all that?")[-1]
    assert [step["line"] for step in third["steps"] if step["name"] == "summarize"] == [
        "Earlier messages summarized"
    ]
    assert all(step["name"] != "summarize" for step in fourth["steps"])
    *_, before, after = [call["body"]["messages"] for call in localaws.requests("ConverseStream")]
    assert SUMMARY in str(before[0])
    assert LONG not in str(before)
    assert LONG.upper().strip() in str(before[2])
    assert without_points(after)[: len(before) - 1] == without_points(before)[:-1]  # the prefix
    first = said_in(BOB, conversation)[1]
    assert first.summary == SUMMARY
    with entered(tenant_of(BOB)):
        assert LedgerEntry.objects.filter(feature="summary", unit="output_tokens").count() == 1
    page = browser_of(BOB).get(f"/assistant/{conversation}/").content.decode()
    assert page.count("Earlier messages summarized") == 2  # the step, and where it reaches to


def without_points(messages: list[dict[str, object]]) -> list[object]:
    """Return messages without cache points, which move on from turn to turn."""
    return [
        [block for block in message["content"] if "cachePoint" not in block]  # type: ignore[attr-defined]
        for message in messages
    ]
