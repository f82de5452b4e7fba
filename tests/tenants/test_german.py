"""What somebody reads who reads German: refusals by REST and on pages, notices, mails."""

import re
from datetime import date
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core import mail
from django.utils.translation import gettext_noop, override

from bedrock import namedtexts
from billing.admission import Estimate, admit
from billing.errors import PlanMissing
from billing.keyallowance import QuotaExhausted
from billing.money import money
from billing.refusals import compact, stored
from billing.services import cap_set
from billing.units import Unit
from documents.errors import reason_told
from documents.models import Document
from documents.parsing.errors import FileTooLarge, TooManyPages
from tenants import outbound
from tenants.accounts.models import User
from tenants.accounts.readers import by_language
from tenants.accounts.tasks import confirm_mail, invitation_mail
from tenants.context import Actor, entered
from tenants.errors import TenantryError
from tenants.signin.devices import device_retold, device_told
from tenants.webhooks.delivering import ANSWERED, attempt_error_told
from tenants.wording import day, grouped, retold
from tests.billing.calls import MODEL
from tests.support.cast import ADA, ALICE, BOB, Person
from tests.support.clients import api, browser_of, tenant_of, user_of

pytestmark = pytest.mark.django_db(transaction=True)
GERMAN = {"Accept-Language": "de-CH, en;q=0.3"}


def reads_german(*people: Person) -> None:
    for person in people:
        with entered(tenant_of(person)):
            User.objects.filter(email=person.email).update(language="de")


def test_a_refusal_by_rest_is_in_the_language_asked_for_with_the_same_code() -> None:
    path = f"/api/v1/documents/{uuid4()}/"
    english, german = api(BOB).get(path), api(BOB).get(path, headers=GERMAN)
    assert english.status_code == german.status_code == 404
    assert english.json()["code"] == german.json()["code"] == "not_found"
    assert english.json()["detail"] == "There is no such document in this workspace."
    assert german.json()["detail"] == "Ein solches Dokument gibt es in diesem Arbeitsbereich nicht."
    assert german.json()["title"] == "Hier gibt es nichts, was Sie sehen können"


def test_a_refusal_at_a_limit_says_sums_and_days_as_german_does() -> None:
    with entered(tenant_of(ALICE)):
        actor = Actor(user_of(ALICE).pk, "owner", "session")
        cap_set(actor=actor, usd=Decimal("0.5"))
        with override("de"), pytest.raises(QuotaExhausted) as caught:
            admit(
                actor=actor, feature="ask", request_id=uuid4(), paced=False,
                estimate=Estimate(MODEL, {Unit.INPUT: 30_000_000}),
            )  # fmt: skip
    said = caught.value.detail
    assert said.startswith("Ihr Arbeitsbereich hat die Ausgabenobergrenze erreicht")
    assert re.search(r"0,00\s\$ von 0,5000\s\$ in diesem Monat", said), said
    assert re.search(r"am 1\. \w+ \(UTC\) von vorn", said), said
    assert caught.value.extra["included"] == 0.5  # what programs read stays as it was


def test_numbers_sums_and_days_follow_the_language_and_english_ones_stay() -> None:
    def read() -> list[str]:
        return [
            grouped(1_234_567),
            money(Decimal("1234.5")),
            stored(1_572_864),
            compact(Decimal(10**8)),
            day(date(2026, 3, 5)),
        ]

    assert read() == ["1,234,567", "$1,234.50", "1.5 MB", "100 M", "5 March 2026"]
    with override("de"):
        assert read() == ["1.234.567", "1.234,50\u00a0$", "1,5 MB", "100 Mio.", "5. März 2026"]


def test_a_notice_and_the_page_around_it_are_in_the_users_language() -> None:
    reads_german(ADA)
    browser = browser_of(ADA)
    browser.post("/documents/bulk/", {"action": "delete"})
    page = browser.get("/documents/").content.decode()
    assert "Wählen Sie Dokumente, die noch hier sind" in page


def test_what_programs_read_stays_as_it_is() -> None:
    reads_german(ADA)
    browser = browser_of(ADA)
    rows = browser.get("/usage/export/?table=meters").content.decode().splitlines()
    assert rows[0] == "Meter,Used,Reserved,Included,Resets on"
    assert rows[1].startswith("Model tokens,")
    assert "Modell-Tokens" in browser.get("/usage/").content.decode()


def test_mails_are_in_the_language_of_whom_they_go_to() -> None:
    reads_german(BOB)
    tenant = tenant_of(BOB)
    with entered(tenant):
        bob = User.objects.get(email=BOB.email)
        User.objects.filter(id=bob.id).update(email_confirmed_at=None)
        confirm_mail(str(bob.id))
        alice = User.objects.get(email=ALICE.email)
        User.objects.filter(id=alice.id).update(email_confirmed_at=None)
        confirm_mail(str(alice.id))
        assert by_language([BOB.email, ALICE.email, "no@one.example"]) == {
            "de": [BOB.email],
            "en": [ALICE.email, "no@one.example"],
        }
    assert [each.subject for each in mail.outbox] == [
        "Ihr Arbeitsbereich Acme Works ist bereit",
        "Your workspace Acme Works is ready",
    ]


def test_an_invitation_is_in_the_language_of_whoever_invites() -> None:
    reads_german(ADA)
    client = api(ADA)
    asked = {"email": "neu@acme.example", "role": "member"}
    made = client.post("/api/v1/invitations/", asked, content_type="application/json")
    assert made.status_code == 201, made.content
    with entered(tenant_of(ADA)):
        mail.outbox.clear()
        invitation_mail(made.json()["id"])
    [message] = mail.outbox
    assert message.subject == "Acme Works auf Tenantry beitreten"


def test_what_is_kept_in_english_is_told_in_the_readers_language() -> None:
    large = Document(error_code="file_too_large", error=str(FileTooLarge()))
    pages = Document(error_code="too_many_pages", error=str(TooManyPages()))
    odd = Document(error_code="file_too_large", error="This file is larger than 3 MB. Split it.")
    plain = Document(error_code="copy_refused", error="The search index did not take a passage of"
                     " this document. Try again.")  # fmt: skip
    reason = namedtexts.BUDGET % {"reason": namedtexts.ROUNDS % {"rounds": 3}}
    assert [reason_told(each) for each in (large, odd)] == [large.error, odd.error]
    assert namedtexts.reason_told(reason) == reason
    with override("de"):
        assert reason_told(large).startswith("Diese Datei ist größer als 50 MB.")
        assert "Seiten" in reason_told(pages)
        assert reason_told(odd) == odd.error  # of older rules: as it was kept
        assert reason_told(plain).startswith("Der Suchindex hat eine Textstelle")
        assert namedtexts.reason_told(reason) == (
            "das kleine Modell, denn was vom Kontingent übrig ist, reicht nicht für: "
            "das Frontier-Modell, nach 3 Runden mit Werkzeugen"
        )
        assert retold("something of an older version", gettext_noop("Saved")) == (
            "something of an older version"
        )


def test_devices_and_attempts_are_kept_in_english_and_told_in_german() -> None:
    refused = outbound.FAILED % {"reason": outbound.REFUSED}
    silent = outbound.SILENT % {"seconds": "15"}
    attempts = (ANSWERED % {"status": 500}, refused, silent)
    assert [attempt_error_told(each) for each in attempts] == list(attempts)
    kept = [device_told(agent) for agent in ("Firefox/1 (X11; Linux)", "curl/8", "something")]
    assert kept == ["Firefox on Linux", "curl", "Unknown device"]
    with override("de"):
        assert [attempt_error_told(each) for each in attempts] == [
            "Geantwortet wurde mit 500; nur 2xx sagt, dass es angenommen ist.",
            "Die Verbindung ist gescheitert: sie wurde abgelehnt.",
            "Keine Antwort innerhalb von 15 Sekunden.",
        ]
        assert [device_retold(each) for each in kept] == [
            "Firefox auf Linux", "curl", "Unbekanntes Gerät",
        ]  # fmt: skip


def test_an_error_says_itself_when_it_is_read_not_when_it_is_made() -> None:
    made = PlanMissing()
    with override("de"):
        german = made.detail
    assert german.startswith("Der Tarif dieses Arbeitsbereichs")
    assert made.detail == str(made) == str(PlanMissing.title)
    assert TenantryError("Said as it is").detail == "Said as it is"
