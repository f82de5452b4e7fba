"""The product's own help: its pages, and answers about the product that cite them."""

import re

import pytest

from assistant.helping import articles
from assistant.tools import TOOLS
from tests.assistant.talking import Server, conversation_for, said_in, talking
from tests.documents.helpers import HANDBOOK, ready
from tests.support.cast import BOB, CHARLIE, MAX, Person
from tests.support.clients import api, browser_of
from tests.support.localaws import LocalAws


@pytest.mark.parametrize("person", [MAX, CHARLIE])  # Charlie's workspace masks
def test_a_question_about_the_product_is_answered_from_its_help(
    person: Person, server: Server
) -> None:
    ready("Travel policy.md", HANDBOOK, person)
    conversation = conversation_for(person)
    with talking(server, person, conversation) as talk:
        frames = talk.ask("How do I make an API key?")
        other = talk.ask("How much may a hotel room cost?")
    end = frames[-1]
    assert "Settings, API keys" in end["text"]
    assert end["grounded"] in ("full", "partly")
    assert all(each["url"].startswith("/help/") for each in end["citations"])
    wanted = "/help/api-keys/#how-do-i-make-an-api-key"
    [citation] = [each for each in end["citations"] if each["url"] == wanted]
    assert citation["url"] in end["html"]
    article = articles()["api-keys"].text
    assert article[citation["start"] : citation["end"]] == citation["quote"]
    kept = said_in(person, conversation)[1].citations
    assert wanted in [each["url"] for each in kept]
    page = browser_of(person).get(f"/assistant/{conversation}/").content.decode()
    assert f'href="{citation["url"]}"' in page
    if end["grounded"] == "full":
        assert "Backed by the help pages" in page
    assert {step["name"] for step in other[-1]["steps"]} == {"search_documents"}


def test_amid_a_conversation_too_a_question_about_the_product_is_answered_from_its_help(
    server: Server, localaws: LocalAws
) -> None:
    ready("Travel policy.md", HANDBOOK)
    with talking(server, MAX, conversation_for(MAX)) as talk:
        talk.ask("How much may a hotel room cost?")
        whole = talk.ask("How do I invite someone?")[-1]
        led = talk.ask("And how do I revoke a key?")[-1]
    alone = [said for said in localaws.requests("Converse") if "standalone_question" in str(said)]
    assert len(alone) == 2, "what is short may lean on what was said"
    assert "Settings, Members" in whole["text"]
    assert {"/help/members/", "/help/api-keys/"} == {
        each["url"].split("#")[0] for end in (whole, led) for each in end["citations"]
    }


@pytest.mark.django_db
def test_help_is_read_and_searched_on_pages_and_by_rest() -> None:
    browser = browser_of(BOB)
    home = browser.get("/help/").content.decode()
    for article in articles().values():
        assert f"/help/{article.slug}/" in home
        page = browser.get(f"/help/{article.slug}/").content.decode()
        assert all(f'id="{section.anchor}"' in page for section in article.sections)
    found = browser.get("/help/", {"q": "invite someone"}).content.decode()
    assert found.index("How do I invite someone?") < found.index("All pages")
    for odd in ("\x00", "x" * 5_000, "'); --", "\u202e", "😀"):
        assert browser.get("/help/", {"q": odd}).status_code == 200
    assert api(BOB).get("/api/v1/help/", {"q": "revoke a key"}).json()[0]["slug"] == "api-keys"
    assert api(BOB).get("/api/v1/help/", {"q": "x" * 301}).status_code == 400
    assert api(BOB).get("/api/v1/help/usage/").json()["title"] == "Usage and limits"
    assert api(BOB).get("/api/v1/help/nothing/").status_code == 404
    assert browser.get("/help/nothing/").status_code == 404


def test_what_the_help_names_exists() -> None:
    said = " ".join(article.text for article in articles().values())
    verbs = {name.partition("_")[0] for name in TOOLS} - {"get"}
    told = articles()["actions"].text
    assert {verb for verb in verbs if not re.search(verb, told)} == set()
    assert "/api/v1/docs/" in said
