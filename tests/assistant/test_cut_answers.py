"""An answer that ends at the longest length there is does not look like a whole one."""

from tests.assistant.talking import Server, conversation_for, talking
from tests.support.cast import MAX
from tests.support.clients import browser_of
from tests.support.localaws import LocalAws


def test_an_answer_that_was_cut_says_so_on_its_page(server: Server, localaws: LocalAws) -> None:
    localaws.script(
        text="There are forty rules. The first is",
        stop_reason="max_tokens",
        match={"operation": "ConverseStream"},
    )
    conversation = conversation_for(MAX)
    with talking(server, MAX, conversation) as talk:
        finished = talk.ask("Tell me all rules at length.")[-1]
    assert (finished["status"], finished["stop_reason"]) == ("complete", "max_tokens")
    page = browser_of(MAX).get(f"/assistant/{conversation}/").content.decode()
    assert "This answer reached the longest length there is." in page
