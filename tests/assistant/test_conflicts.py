"""Sources that say other figures stand side by side under an answer, as they do in Ask."""

from typing import Any

from tests.assistant.talking import Server, conversation_for, talking
from tests.documents.helpers import ready, text_of
from tests.support.cast import ADA, MAX
from tests.support.clients import api, browser_of

QUESTION = "What may a hotel room cost a night?"


def stored(conversation: Any) -> list[dict[str, Any]]:
    """Return what REST says of the conversation's answer."""
    shape = api(MAX).get(f"/api/v1/conversations/{conversation}/").json()
    found: list[dict[str, Any]] = shape["messages"][-1]["conflicts"]
    return found


def test_an_answer_shows_both_sides_until_one_of_them_is_gone(server: Server) -> None:
    first = ready("Policy 2025.md", "A hotel room may cost at most 140 euros a night.")
    second = ready("Policy 2026.md", "# News\n\nA hotel room may cost at most 165 euros a night.")
    texts = {str(each.id): text_of(each) for each in (first, second)}
    conversation = conversation_for(MAX)
    with talking(server, MAX, conversation) as talk:
        [conflict] = talk.ask(QUESTION)[-1]["conflicts"]
    sides = [conflict["cited"], conflict["other"]]
    assert {side["document_id"] for side in sides} == set(texts)
    for side in sides:
        assert texts[side["document_id"]][side["start"] : side["end"]] == side["quote"]
    assert stored(conversation) == [conflict]
    shared = {"shared": True}
    api(MAX).patch(f"/api/v1/conversations/{conversation}/", shared, "application/json")
    pages = {MAX: f"/assistant/{conversation}/", ADA: f"/assistant/shared/{conversation}/"}
    for person, path in pages.items():
        page = browser_of(person).get(path).content.decode()
        shown = page[page.index("data-conflicts") :]
        assert "140 euros" in shown
        assert "165 euros" in shown
        assert f"/documents/{second.id}/?start=" in shown
    assert (
        api(MAX).delete(f"/api/v1/documents/{conflict['other']['document_id']}/").status_code == 204
    )
    assert stored(conversation) == []
    for person, path in pages.items():
        page = browser_of(person).get(path).content.decode()
        assert conflict["other"]["quote"] not in page
