"""A form that makes something and is sent twice makes it once, and leads where the first did."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse

from assistant.models import Conversation
from documents.models import Document
from search.models import Collection
from tenants.accounts.groupmodels import MemberGroup
from tenants.accounts.models import ApiKey, Invitation, KeptAnswer, User
from tenants.context import entered
from tenants.webhooks.models import Endpoint
from tests.documents.helpers import HANDBOOK, ready
from tests.support.cast import ALICE, MAX, Person
from tests.support.clients import browser_of, tenant_of

pytestmark = pytest.mark.django_db
ONCE = re.compile(r'name="once" value="([0-9a-f-]{36})"')
KEYS, GROUPS = "/settings/keys/", "/settings/groups/"
PROGRAMS = "/settings/keys/service-accounts/"
FORMS: tuple[tuple[Person, str, str, dict[str, Any], Any], ...] = (
    (MAX, KEYS, KEYS, {"name": "Nightly", "days": "", "everything": "yes"}, ApiKey),
    (ALICE, KEYS, PROGRAMS, {"name": "Importer", "role": "member"}, User),
    (ALICE, "/settings/webhooks/", "", {"url": "https://93.184.215.14/in"}, Endpoint),
    (ALICE, "/settings/members/", "", {"lines": "new@acme.example", "role": "member"}, Invitation),
    (ALICE, GROUPS, "", {"name": "Potters"}, MemberGroup),
    (MAX, "/collections/", "", {"name": "Kilns", "access": ""}, Collection),
    (MAX, "/assistant/", "", {"text": "Do otters swim?"}, Conversation),
)


def keys_on(client: Client, page: str, to: str = "") -> list[str]:
    """Return the keys of the page's forms, of those that are sent there."""
    text = client.get(page).content.decode()
    return ONCE.findall(text.partition(f'action="{to}"')[2] if to else text)


def count(model: Any) -> int:
    with entered(tenant_of(MAX)):
        return int(model.objects.count())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("person", "page", "to", "form", "model"), FORMS, ids=[each[4].__name__ for each in FORMS]
)
def test_sent_twice_it_is_done_once_and_both_answers_are_the_same(
    person: Person, page: str, to: str, form: dict[str, Any], model: Any
) -> None:
    client, before = browser_of(person), count(model)
    keys = keys_on(client, page)
    assert keys, f"{page} has no form that is carried out once"
    assert len(set(keys)) == len(keys)
    sent = {**form, "once": keys[0]}
    first, second = (client.post(to or page, sent) for _ in range(2))
    assert first.status_code in (200, 302), first.content
    assert second.status_code == first.status_code
    if first.status_code == 302:
        assert second["Location"] == first["Location"]
    else:  # with a secret that is shown this once, say
        assert second.content == first.content
    assert count(model) == before + 1


def test_a_refused_form_is_put_right_and_one_with_other_words_is_another() -> None:
    client = browser_of(ALICE)
    (key,) = keys_on(client, GROUPS)
    assert client.post(GROUPS, {"name": " ", "once": key}).status_code == 422
    assert client.post(GROUPS, {"name": "Potters", "once": key}).status_code == 302
    assert client.post(GROUPS, {"name": "Turners", "once": key}).status_code == 302  # gone back to
    assert client.post(GROUPS, {"name": "Potters", "once": key}).status_code == 302
    assert client.post(GROUPS, {"name": "Smiths", "once": "no key"}).status_code == 302
    assert count(MemberGroup) == 3
    with entered(tenant_of(MAX)):
        kept = KeptAnswer.objects.get()
        assert "settings" not in kept.body, "it is sealed"


def test_a_key_is_its_users_own() -> None:
    alice, bob = browser_of(ALICE), browser_of(MAX)
    (key,) = keys_on(alice, GROUPS)
    assert alice.post(GROUPS, {"name": "Potters", "once": key}).status_code == 302
    assert bob.post(GROUPS, {"name": "Potters", "once": key}).status_code == 403


def test_a_version_that_is_sent_twice_is_one_and_another_file_another() -> None:
    document = ready("Handbook.md", HANDBOOK)
    client, home = browser_of(MAX), f"/documents/{document.id}/"
    to = reverse("document_replace", args=[document.id])
    key = keys_on(client, home, to)[0]
    for content in (b"Second edition.", b"Second edition.", b"Sixth editions."):
        file = SimpleUploadedFile("Handbook.md", content)
        assert client.post(to, {"file": file, "once": key}).status_code == 302
    assert count(Document) == 3


@pytest.mark.django_db(transaction=True)
def test_of_two_that_are_sent_at_once_one_waits_for_the_other() -> None:
    client = browser_of(MAX)
    (key,) = keys_on(client, "/collections/")
    led: list[str] = []

    def send() -> None:
        again = browser_of(MAX)
        led.append(again.post("/collections/", {"name": "Kilns", "once": key})["Location"])
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(led), len(set(led)), count(Collection)) == (3, 1, 1)
