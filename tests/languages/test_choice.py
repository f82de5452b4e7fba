"""In which language somebody is answered."""

import re

import pytest
from django.test import Client
from django.utils import translation

from tests.support.cast import ALICE, BOB
from tests.support.clients import api, browser_of, code_of, stranger, user_of

pytestmark = pytest.mark.django_db(transaction=True)

GERMAN = {"Accept-Language": "de-AT, en;q=0.5"}


def words(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined, no-any-return]


def test_a_page_is_in_the_language_that_the_browser_asks_for() -> None:
    answer = stranger(ALICE.host).get("/sign-in/", headers=GERMAN)
    assert '<html lang="de"' in words(answer)
    assert "Passwort" in words(answer)
    assert answer["Content-Language"] == "de"
    assert "Accept-Language" in answer["Vary"]
    for header in ("", "en-US", "fr", "*", "x" * 5000):
        answer = stranger(ALICE.host).get("/sign-in/", headers={"Accept-Language": header})
        assert '<html lang="en"' in words(answer)
        assert answer["Content-Language"] == "en"
    assert translation.get_language() == "en"


def test_what_a_user_chooses_goes_before_what_the_browser_asks() -> None:
    client = browser_of(ALICE)
    answer = client.post("/settings/language/", {"language": "de", "next": "/usage/?step=hour"})
    assert (answer.status_code, answer["Location"]) == (302, "/usage/?step=hour")
    page = client.get("/settings/members/", headers={"Accept-Language": "en"})
    assert "Mitglieder" in words(page)
    assert 'value="de" lang="de" aria-pressed="true"' in words(page)
    assert user_of(ALICE).language == "de"
    assert '<html lang="en"' in words(browser_of(BOB).get("/settings/members/"))
    client.post("/settings/language/", {"language": ""})
    assert '<html lang="en"' in words(client.get("/settings/members/"))


def test_only_a_language_there_is_can_be_chosen_and_only_for_oneself() -> None:
    client = browser_of(BOB)
    refused = client.post("/settings/language/", {"language": "xx"}, headers={"Accept": "*/*"})
    assert refused.status_code == 400
    elsewhere = {"language": "de", "next": "https://evil.example/"}
    assert client.post("/settings/language/", elsewhere)["Location"] == "/"
    assert user_of(ALICE).language == ""
    assert stranger(BOB.host).post("/settings/language/", elsewhere).status_code == 302
    assert client.get("/settings/language/").status_code == 405


def test_from_the_answer_to_a_form_the_choice_leads_to_a_page() -> None:
    client, form = browser_of(ALICE), f"/settings/members/{user_of(BOB).id}/"

    def leads_to(came: str) -> str:
        wrong = client.post(form, {"nothing": ""}, headers={"Referer": came})
        assert wrong.status_code == 422
        found = re.search(r'name="next" value="([^"]+)"', words(wrong))
        assert found is not None
        return found[1]

    base = f"http://{ALICE.host}"
    assert leads_to(f"{base}/settings/members/") == f"{base}/settings/members/"
    assert leads_to(f"{base}{form}") == "/"
    assert leads_to("https://evil.example/settings/members/") == "/"
    nowhere = client.get(form, headers=GERMAN | {"Accept": "text/html"})
    assert (nowhere.status_code, nowhere["Allow"]) == (405, "POST")
    assert "method_not_allowed" in words(nowhere) and 'href="/"' in words(nowhere)


def test_errors_of_the_api_keep_their_codes_in_every_language() -> None:
    english = api(ALICE).get("/api/v1/nowhere/")
    german = api(ALICE).get("/api/v1/nowhere/", headers=GERMAN)
    assert code_of(english) == code_of(german) == "not_found"
    assert german["Content-Language"] == "de"


def test_a_wrong_host_is_told_in_the_readers_language() -> None:
    answer = Client(headers={"Host": "nobody.localhost"}).get("/", headers=GERMAN)
    assert answer.status_code == 404
    assert "nicht verfügbar" in words(answer) or "Hier ist nichts" in words(answer)


def test_staff_pages_are_in_english() -> None:
    answer = Client(headers={"Host": "localhost"}).get("/admin/login/", headers=GERMAN)
    assert '<html lang="en"' in words(answer)
    assert "Password" in words(answer)
