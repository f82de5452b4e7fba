"""Webhooks: signed, sent again, replayed, switched off; and never a way into the network here."""

import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from tenants.accounts.models import AuditEvent
from tenants.context import entered
from tenants.outbound import Unreachable, fetch
from tenants.webhooks.models import Delivery, Endpoint
from tenants.webhooks.publishing import publish
from tenants.webhooks.signing import signature
from tenants.webhooks.tasks import (
    webhook_deliver,
    webhook_disabled_mail,
    webhooks_due,
    webhooks_tidy,
)
from tests.documents.helpers import ready
from tests.support.cast import ADA, ALICE, CHARLIE, MAX
from tests.support.clients import api, browser_of, code_of, tenant_of
from tests.support.receiver import receiving

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _tasks_at_once(settings: Any) -> Iterator[None]:
    """Run what is dispatched in this process, and let it reach the receiver on loopback."""
    from config.celery import app

    settings.OUTBOUND_PRIVATE = True
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def made(url: str, **more: Any) -> dict[str, Any]:
    answer = api(ADA).post(
        "/api/v1/webhooks/", {"url": url, **more}, content_type="application/json"
    )
    assert answer.status_code == 201, answer.content
    return answer.json()  # type: ignore[no-any-return]


def published(event_type: str = "document.ready", **data: Any) -> int:
    with entered(tenant_of(ALICE)):
        return publish(event_type, data)


def deliveries() -> list[Delivery]:
    with entered(tenant_of(ALICE)):
        return list(Delivery.objects.order_by("created_at"))


def due_again() -> None:
    """Let the time of what waits come, and the schedule find it."""
    with entered(tenant_of(ALICE)):
        Delivery.objects.filter(state="waiting").update(due_at=timezone.now())
    webhooks_due()


def test_the_signature_is_that_of_the_specification() -> None:
    assert (
        signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp=1614265330,
            body=b'{"test": 2432232314}',
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_a_ready_document_is_told_signed_to_those_who_want_it() -> None:
    with receiving() as wanting, receiving() as other:
        hook = made(wanting.url, events=["document.ready"])
        made(other.url, events=["member.joined"])
        document = ready("Travel.md", "# Travel\n\nHotels cost at most 140 euros a night.\n")
        assert len(wanting.got) == 1 and other.got == []
        headers, body = wanting.got[0]
        told = json.loads(body)
        assert (told["type"], told["data"]) == ("document.ready", {"id": str(document.id)})
        assert wanting.verify(hook["secret"])
        assert not wanting.verify("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        assert headers["webhook-id"] == deliveries()[0].message_id
        listed = api(ADA).get(f"/api/v1/webhooks/{hook['id']}/deliveries/").json()["results"]
        assert [row["state"] for row in listed] == ["delivered"]
    with entered(tenant_of(ALICE)):
        row = Endpoint.objects.get(id=hook["id"])
        assert hook["secret"] not in row.secret
    shown = api(ADA).get(f"/api/v1/webhooks/{hook['id']}/").json()
    assert "secret" not in shown


def test_nothing_is_told_of_what_is_rolled_back_nor_to_another_workspace() -> None:
    with receiving() as receiver:
        made(receiver.url)
        with entered(tenant_of(ALICE)), transaction.atomic():
            publish("document.ready", {})
            transaction.set_rollback(True)
        with entered(tenant_of(CHARLIE)):
            assert publish("document.ready", {}) == 0
        assert receiver.got == [] and deliveries() == []


def test_what_is_not_taken_is_sent_again_later_under_the_same_id() -> None:
    with receiving(500, 503, 200) as receiver:
        made(receiver.url)
        published(id="1")
        assert deliveries()[0].state == "waiting"
        # The second attempt is a message of its own, which waits five seconds.
        assert timedelta(seconds=3) < deliveries()[0].due_at - timezone.now() < timedelta(seconds=6)
        webhook_deliver.task(str(tenant_of(ALICE).id), str(deliveries()[0].id))
        assert len(receiver.got) == 1, "a task that comes early sends nothing"
        due_again()
        assert timedelta(minutes=4) < deliveries()[0].due_at - timezone.now()
        due_again()
        webhooks_due()
    assert len(receiver.got) == 3
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    row = deliveries()[0]
    assert row.state == "delivered"
    assert [attempt["status"] for attempt in row.log] == [500, 503, 200]


def test_attempts_end_and_a_replay_begins_anew() -> None:
    with receiving(*[500] * 10) as receiver:
        hook = made(receiver.url)
        published(id="1")
        for _ in range(12):
            due_again()
        row = deliveries()[0]
        assert (row.state, len(receiver.got)) == ("failed", 10)
        page = browser_of(ADA).get(f"/settings/webhooks/{hook['id']}/").content.decode()
        assert "Answered 500" in page and "10 attempts" in page
        path = f"/api/v1/webhooks/{hook['id']}/deliveries/{row.id}/replay/"
        assert api(ADA).post(path).status_code == 202
        assert deliveries()[0].state == "delivered"
        first, last = receiver.got[0][0], receiver.got[-1][0]
        assert first["webhook-id"] == last["webhook-id"]


def test_both_secrets_sign_for_a_day_after_a_rotation() -> None:
    with receiving() as receiver:
        hook = made(receiver.url)
        new = api(ADA).post(f"/api/v1/webhooks/{hook['id']}/secret/").json()["secret"]
        published()
        assert new != hook["secret"]
        assert receiver.verify(hook["secret"]) and receiver.verify(new)
        with entered(tenant_of(ALICE)):
            Endpoint.objects.update(old_until=timezone.now())
        published()
        assert not receiver.verify(hook["secret"]) and receiver.verify(new)


def test_the_test_button_sends_and_what_is_off_is_left_alone() -> None:
    with receiving() as receiver:
        hook = made(receiver.url, events=["member.joined"])
        admin = browser_of(ADA)
        page = f"/settings/webhooks/{hook['id']}/"
        assert admin.post(page, {"act": "test"}).status_code == 302
        assert json.loads(receiver.got[0][1])["type"] == "webhook.test"
        admin.post(page, {"act": "off"})
        assert published("member.joined") == 0
        refused = api(ADA).post(f"/api/v1/webhooks/{hook['id']}/test/")
        assert code_of(refused) == "conflict"
        admin.post(page, {"act": "on"})
        assert published("member.joined") == 1


def test_an_endpoint_that_fails_for_days_or_is_gone_is_switched_off() -> None:
    with receiving(500, 500, 410) as receiver:
        hook = made(receiver.url)
        published()
        with entered(tenant_of(ALICE)):
            assert Endpoint.objects.get().enabled
            Endpoint.objects.update(failing_since=timezone.now() - timedelta(days=5, minutes=1))
        due_again()
        with entered(tenant_of(ALICE)):
            assert Endpoint.objects.get().disabled_why == "Nothing was delivered for 5 days."
            assert AuditEvent.objects.filter(action="webhook.disable").count() == 1
        page = browser_of(ADA).get("/settings/webhooks/").content.decode()
        assert "Off" in page
        on = {"enabled": True}
        api(ADA).patch(f"/api/v1/webhooks/{hook['id']}/", on, content_type="application/json")
        due_again()
        with entered(tenant_of(ALICE)):
            endpoint = Endpoint.objects.get()
            assert endpoint.disabled_why == "It answered 410 Gone."
            mail.outbox.clear()
            webhook_disabled_mail(str(endpoint.id))
        assert {message.to[0] for message in mail.outbox} == {ADA.email, ALICE.email}
        assert "410 Gone" in mail.outbox[0].body


INSIDE_OR_MALFORMED = (
    "https://127.0.0.1/", "https://10.1.2.3/", "https://169.254.169.254/latest/meta-data/",
    "https://192.168.0.1/", "https://0.0.0.0/", "https://100.64.0.1/", "https://224.0.0.1/",
    "https://[::1]/", "https://[fe80::1]/", "https://[fd00::1]/", "https://[::ffff:127.0.0.1]/",
    "https://[fec0::1]/", "https://168.63.129.16/", "https://192.0.0.192/",
    "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[::127.0.0.1]/",
    "https://localhost/", "https://2130706433/", "https://127.1/", "https://0x7f.1/",
    "http://93.184.215.14/", "ftp://example.com/", "https://u:p@93.184.215.14/", "https:///",
    "https://93.184.215.14:0/", "https://93.184.215.14:99999/", "javascript:alert(1)", "x", "",
    "https://93.184.215.14/ok\r\nX: y", "https://93.184.215.14/#f", "https://[::1", "https://é/",
)  # fmt: skip


def test_an_address_inside_or_malformed_is_refused(settings: Any) -> None:
    settings.OUTBOUND_PRIVATE = False
    admin, key = browser_of(ADA), api(ADA)
    for url in INSIDE_OR_MALFORMED:
        answer = key.post("/api/v1/webhooks/", {"url": url}, content_type="application/json")
        assert answer.status_code == 400, (url, answer.content)
        assert code_of(answer) in ("address_refused", "invalid"), url
        assert admin.post("/settings/webhooks/", {"url": url}).status_code == 422, url
    with entered(tenant_of(ALICE)):
        assert not Endpoint.objects.exists()


def test_a_name_that_leads_inside_later_reaches_nothing(settings: Any) -> None:
    """DNS that changes its mind: the name was fine when it was given."""
    with receiving() as receiver:
        made(receiver.url.replace("127.0.0.1", "localhost"))
        settings.OUTBOUND_PRIVATE = False
        with entered(tenant_of(ALICE)):
            port = receiver.url.split(":")[2]
            Endpoint.objects.update(url=f"https://localhost:{port}")
        published()
    assert receiver.got == []
    assert "private, local or reserved" in deliveries()[0].log[0]["error"]


def test_the_connection_goes_to_the_address_that_was_judged(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is asked twice may answer twice differently; it is asked once."""
    asked: list[Any] = []
    resolve = socket.getaddrinfo

    def noted(*args: Any, **more: Any) -> Any:
        asked.append(args[0])
        return resolve(*args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", noted)
    with receiving() as receiver:
        fetch("POST", receiver.url.replace("127.0.0.1", "localhost"), body=b"x")
        assert receiver.got[0][0]["host"].startswith("localhost:")
    assert asked == ["localhost"]


def test_a_redirect_is_not_followed() -> None:
    with receiving() as inside, receiving(302) as receiver:
        receiver.location = inside.url
        made(receiver.url)
        published()
        assert inside.got == [] and "302" in deliveries()[0].log[0]["error"]


def test_an_answer_that_dribbles_on_is_cut_off() -> None:
    with receiving() as receiver:
        receiver.dribble = threading.Event()
        with pytest.raises(Unreachable, match=r"within 0\.4 seconds"):
            fetch("POST", receiver.url, body=b"x", seconds=0.4)
        receiver.dribble.set()


def test_old_deliveries_are_removed() -> None:
    with receiving() as receiver:
        made(receiver.url)
        published()
        published()
        with entered(tenant_of(ALICE)):
            old = timezone.now() - timedelta(days=31)
            Delivery.objects.filter(id=deliveries()[0].id).update(created_at=old)
        webhooks_tidy()
        assert len(deliveries()) == 1


def test_bad_requests_are_told_and_the_number_is_bounded() -> None:
    def post(**body: Any) -> Any:
        return api(ADA).post("/api/v1/webhooks/", body, content_type="application/json")

    url = "https://93.184.215.14/"
    assert "document.ready" in post(url=url, events=["document.read"]).json()["detail"]
    assert code_of(post(url=url, description="x" * 121)) == "invalid"
    assert api(MAX).post("/api/v1/webhooks/", {"url": url}).status_code == 403
    for _ in range(10):
        assert post(url=url).status_code == 201
    assert code_of(post(url=url)) == "conflict"
    with pytest.raises(ValueError, match="not declared"):
        published("nothing.such")


def test_a_secret_opens_in_its_own_workspace_alone() -> None:
    from tenants.errors import Unavailable
    from tenants.secretbox import secret_open, secret_seal

    with entered(tenant_of(ALICE)):
        sealed = secret_seal("whsec_x", purpose="webhook")
        assert secret_open(sealed, purpose="webhook") == "whsec_x"
        with pytest.raises(Unavailable):
            secret_open(sealed, purpose="other")
    with entered(tenant_of(CHARLIE)), pytest.raises(Unavailable):
        secret_open(sealed, purpose="webhook")
