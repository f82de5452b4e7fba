"""A search of conversations shows the words where they were found, and leads to that message."""

import pytest

from assistant.models import Message, MessageRole
from tenants.context import entered
from tests.assistant.talking import conversation_for
from tests.support.cast import BOB, MAX
from tests.support.clients import browser_of, tenant_of

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/assistant/list/"


def told(text: str, title: str, position: int = 1) -> Message:
    conversation = conversation_for(MAX, title)
    with entered(tenant_of(MAX)):
        return Message.objects.create(
            conversation_id=conversation, position=position, role=MessageRole.USER, text=text
        )


def rows(query: str) -> str:
    return browser_of(MAX).get(LIST, {"q": query}).content.decode()


def test_the_words_are_shown_where_they_stand_and_lead_there() -> None:
    message = told(
        f"{'Long before. ' * 30}\n\nA Quokka & a kiln <b>cost</b> EUR 165 a night.", "Prices"
    )
    page = rows("kiln quokka")
    assert "before. A <mark>Quokka</mark> &amp; a <mark>kiln</mark> &lt;b&gt;cost" in page
    assert f"?message={message.id}#m-{message.id}" in page
    assert "<mark>165</mark> a night.</span>" in rows("165")
    assert "<mark>" not in browser_of(BOB).get(LIST, {"q": "kiln"}).content.decode()


def test_a_title_alone_shows_no_place_and_signs_are_no_pattern() -> None:
    told("Nothing of the kind (a+b)*c.", "Wombats at large")
    page = rows("wombats")
    assert "Wombats at large" in page and "<mark>" not in page
    assert "<mark>(a+b)*c</mark>." in rows("(a+b)*c")
    assert "<mark>" not in rows("")
