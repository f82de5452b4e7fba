"""The assistant for somebody who reads German: errors, steps, answers about the product."""

import pytest

from assistant.helping import articles_in
from assistant.models import Message, MessageRole
from tenants.accounts.models import User
from tenants.context import entered
from tests.assistant.talking import Server, conversation_for, said_in, talking
from tests.support.cast import BOB, MAX, Person
from tests.support.clients import api, browser_of, tenant_of
from tests.support.localaws import LocalAws


def reads_german(person: Person) -> None:
    with entered(tenant_of(person)):
        User.objects.filter(email=person.email).update(language="de")


def test_a_socket_says_in_the_users_language_what_is_wrong_and_keeps_the_code(
    server: Server,
) -> None:
    reads_german(BOB)
    with talking(server, BOB, conversation_for(BOB)) as talk:
        talk.say("ask", text=" ")
        [empty] = talk.until("error")
        talk.say("dance")
        [unknown] = talk.until("error")
    assert (empty["code"], empty["detail"]) == ("message_empty", "Schreiben Sie zuerst etwas")
    assert unknown["code"] == "bad_frame"
    assert unknown["detail"].startswith("Der Typ ist einer von ask, stop")


def test_a_question_about_the_product_cites_the_german_article(
    server: Server, localaws: LocalAws
) -> None:
    reads_german(MAX)
    conversation = conversation_for(MAX)
    answer = "Öffnen Sie Einstellungen, API-Schlüssel und drücken Sie auf Widerrufen [1]."
    localaws.script(text=answer, match={"operation": "ConverseStream"})
    with talking(server, MAX, conversation) as talk:
        frames = talk.ask("Wie widerrufe ich einen API-Schlüssel?")
    lines = [frame["line"] for frame in frames if frame["type"] == "tool"]
    assert "In der Hilfe zum Produkt nachgesehen: API-Schlüssel" in lines
    [citation] = [c for c in frames[-1]["citations"] if c["url"].startswith("/help/api-keys/")]
    assert citation["document_name"] == "Hilfe: API-Schlüssel"
    text = articles_in("de")["api-keys"].text
    assert text[citation["start"] : citation["end"]] == citation["quote"]
    kept = said_in(MAX, conversation)[1]
    assert {step["line"] for step in kept.steps} == {
        "Ihre Dokumente durchsucht: nichts gefunden",
        "In der Hilfe zum Produkt nachgesehen: API-Schlüssel",
    }


@pytest.mark.django_db
def test_help_is_read_in_the_language_that_is_asked_for() -> None:
    asked = {"Accept-Language": "de-AT, en;q=0.5"}
    german = api(BOB).get("/api/v1/help/members/", headers=asked).json()
    assert german["title"] == "Mitglieder und Rollen"
    assert api(BOB).get("/api/v1/help/members/").json()["title"] == "Members and roles"
    page = browser_of(BOB).get("/help/members/", headers=asked).content.decode()
    assert "Wie lade ich jemanden ein?" in page
    found = browser_of(BOB).get("/help/?q=Passwort", headers=asked).content.decode()
    assert "/help/members/" in found


def test_the_german_help_has_every_article_with_as_many_sections() -> None:
    english, german = articles_in("en"), articles_in("de")
    assert english.keys() == german.keys()
    for slug, article in english.items():
        assert len(article.sections) == len(german[slug].sections), slug
        assert article.id != german[slug].id


@pytest.mark.django_db
def test_an_export_names_attached_files_in_the_readers_language() -> None:
    conversation = conversation_for(BOB)
    with entered(tenant_of(BOB)):
        Message.objects.create(
            conversation_id=conversation, position=1, role=MessageRole.USER,
            text="Was steht darin?", attached=[{"name": "Plan.md", "size": 2048}],
        )  # fmt: skip
    path = f"/assistant/{conversation}/export/"
    english = browser_of(BOB).get(path).content.decode()
    assert "> Attached: Plan.md (2.0\u00a0KB)" in english
    german = browser_of(BOB).get(path, headers={"Accept-Language": "de"}).content.decode()
    assert "> Angehängt: Plan.md (2,0\u00a0KB)" in german
