"""Staff look at a workspace as a member, where its owner allows it, and never at more."""

import json
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from websockets.exceptions import ConnectionClosed, InvalidStatus

from config.celery import app as celery
from tenants.accounts.models import AuditEvent, User
from tenants.accounts.tasks import staff_visit_mail
from tenants.context import entered, public_scope
from tenants.lifecycle.naming import url_for
from tenants.redis import redis_client
from tenants.registry.models import Impersonation, Status, Tenant
from tenants.signin.impersonating import visit_token
from tests.assistant.talking import Server, aside, conversation_for, talking
from tests.isolation.table import ROUTES
from tests.isolation.world import objects_of
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, MAX, Person
from tests.support.clients import api, browser_of, staff_client, stranger, tenant_of, user_of

WHY = "They cannot find their travel policy"
LIST = "/admin/registry/impersonation/"
BEGIN = f"{LIST}begin/"
# Words of routes behind which staff never look, whatever a workspace allows.
NEVER = (
    "security", "keys", "members", "groups", "invitations", "audit", "webhooks", "invoices",
    "plans", "settings/data", "data/policy", "limits", "alerts", "export", "original",
    "service-accounts", "sessions", "factors", "sign-in/policy",
)  # fmt: skip

WHOLE = [route for route in ROUTES if re.search(r"(^|/)(original|export)/$", route)
         and "settings" not in route]  # fmt: skip
QUEUES = celery.conf.broker_transport_options["global_keyprefix"]
REFUSED = "Staff on a visit may look at what a member sees"

LATE = """
from django.utils import timezone
from tenants.context import public_scope
from tenants.registry.models import Impersonation
with public_scope("owner"):
    Impersonation.objects.update(expires_at=timezone.now())
"""


def allow(access: str, person: Person = ALICE) -> Any:
    client = browser_of(person)
    page = client.get("/settings/data/")
    version = re.search(r'name="version" value="(\d+)"', page.content.decode())
    assert version
    form = {"part": "staff", "staff_access": access, "version": version[1]}
    return client.post("/settings/data/", form)


def begin(staff: Client, person: Person = ADA, reason: str = WHY) -> Any:
    form = {"email": person.email, "reason": reason}
    return staff.post(f"{BEGIN}?tenant={tenant_of(person).id}", form)


def inside(staff: Client, person: Person = ADA) -> Client:
    """Begin a visit and follow its link on the workspace's own host."""
    answer = begin(staff, person)
    assert answer.status_code == 302, answer.content.decode()
    where = urlsplit(answer["Location"])
    assert where.hostname == person.host
    client = stranger(person.host)
    assert client.get(where.path)["Location"] == "/"
    return client


def visit() -> Impersonation:
    with public_scope("staff"):
        return Impersonation.objects.latest("started_at")


def reopened(row: Impersonation) -> None:
    """Take a visit's end back, as if it had begun in the moment in which the others were ended."""
    with public_scope("staff"):
        Impersonation.objects.filter(id=row.id).update(ended_at=None)


def forms_lead_to(answer: Any) -> list[str]:
    """Return where browsers let the page's forms, and what answers them, lead."""
    found = re.search(r"form-action ([^;]+);", answer["Content-Security-Policy"])
    assert found
    return found[1].split()


@pytest.mark.django_db(transaction=True)
def test_a_browser_lets_the_forms_of_a_visit_lead_to_the_other_host_and_back() -> None:
    allow("read")
    staff = staff_client("support")
    form = staff.get(f"{BEGIN}?tenant={tenant_of(ALICE).id}")
    assert forms_lead_to(form) == ["'self'", url_for("acme")]
    assert forms_lead_to(inside(staff).get("/documents/")) == ["'self'", settings.BASE_URL]
    assert forms_lead_to(browser_of(ALICE).get("/documents/")) == ["'self'"]


def path_of(route: str, filling: dict[str, str]) -> str:
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: filling[found[1]], route)


def is_over(client: Client) -> bool:
    answer = client.get("/documents/")
    return answer.status_code == 302 and answer["Location"].startswith("/sign-in/")


@pytest.mark.django_db(transaction=True)
def test_nobody_comes_in_unless_the_owner_allows_it_and_then_by_one_link_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    staff, address = staff_client("support"), f"{BEGIN}?tenant={tenant_of(ADA).id}"
    assert b"does not let staff in" in begin(staff).content
    assert begin(staff_client("finance")).status_code == 403
    assert b"Only an owner" in allow("read", ADA).content
    assert b"staff_access is one of none, read, write." in allow("all").content
    assert b"does not let staff in" in begin(staff).content
    assert allow("read").status_code == 302
    assert b"No active member has this address" in begin(staff, Person("acme", "No", "x")).content
    with entered(tenant_of(BOB)):
        User.objects.filter(email=BOB.email).update(is_active=False)
        User.objects.create(email="program@acme.example", is_service=True, role="member")
    for none in (BOB, Person("acme", "Program", "member")):
        assert b"No active member has this address" in begin(staff, none).content
    meanwhile = urlsplit(begin(staff, MAX)["Location"]).path
    with entered(tenant_of(MAX)):
        User.objects.filter(email=MAX.email).update(is_active=False)
    assert stranger(MAX.host).get(meanwhile).status_code == 410
    with entered(tenant_of(MAX)):
        User.objects.filter(email=MAX.email).update(is_active=True)
    for short in ("short", f"no{' ' * 20}words"):
        assert b"characters" in begin(staff, reason=short).content
    path = urlsplit(begin(staff)["Location"]).path
    seen = user_of(ADA).last_login
    assert stranger(CHARLIE.host).get(path).status_code == 410
    # A link signed for one workspace opens nothing in another, even where it names a visit there.
    signed_there = visit_token(Impersonation(id=visit().id, tenant_id=tenant_of(CHARLIE).id))
    assert stranger(ADA.host).get(f"/staff-visit/{signed_there}/").status_code == 410
    client = stranger(ADA.host)
    assert client.get(path).status_code == 302
    assert stranger(ADA.host).get(path).status_code == 410
    page = client.get("/documents/").content.decode()
    # Browsers let a form lead to another host only where the page names it.
    begun = staff.get(f"{BEGIN}?tenant={tenant_of(ADA).id}")["Content-Security-Policy"]
    assert f"form-action 'self' {url_for(ADA.workspace)};" in begun
    policy = client.get("/documents/")["Content-Security-Policy"]
    assert f"form-action 'self' {settings.BASE_URL};" in policy
    assert settings.BASE_URL not in browser_of(MAX).get("/documents/")["Content-Security-Policy"]
    assert f"looking at this as {ADA.email}" in page and "Nothing can be changed." in page
    assert "/staff-visit/end/" in page
    late = urlsplit(begin(staff)["Location"]).path
    now = time.time()
    with monkeypatch.context() as later:
        later.setattr("django.core.signing.time.time", lambda: now + 61)
        assert stranger(ADA.host).get(late).status_code == 410
    # An admin's place is taken, and no more than a member is seen.
    assert client.get("/settings/safety/bench/").status_code == 403
    with entered(tenant_of(ADA)):
        row = User.objects.get(email=ADA.email)
        assert (row.role, row.last_login) == ("admin", seen)
    with public_scope("staff"):
        Tenant.objects.filter(slug="acme").update(status=Status.SUSPENDED)
    acme = {"email": ADA.email, "reason": WHY}
    assert b"It is suspended." in staff.post(address, acme).content


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("access", ["read", "write"])
def test_every_route_is_closed_to_a_visit_but_those_of_the_table(access: str) -> None:
    allow(access)
    client = inside(staff_client("security"))
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    hers = browser_of(ADA)
    # Of whom they visit: what is not there would look as if it had been refused.
    filling = objects_of(ADA, "visited") | {"uidb64": "b25l", "token": "c1-f00"}
    taken, pages = set(), 0
    for route, methods in ROUTES.items():
        if route in ("staff-visit/end/", "sign-out/"):
            continue
        path = path_of(route, filling)
        for method in methods:
            client.cookies[settings.SESSION_COOKIE_NAME] = session
            answer = client.generic(method, path, b"{}", content_type="application/json")
            if answer.status_code != 403 and method != "GET":
                taken.add(f"{method} {route}")
            page = "" if answer.streaming else answer.content.decode(errors="replace")
            if "<html" in page:  # refusals and what is missing among them
                assert 'class="visit"' in page and "/staff-visit/end/" in page, (method, route)
                pages += 1
            if route == "collections/<uuid:collection_id>/" and method == "GET":
                assert "is shared is not shown to our staff" in page
                assert "members-title" not in page and "member-user" not in page
            if any(word in route for word in NEVER):
                assert answer.status_code == 403 and REFUSED in page, (method, route)
    assert pages > 40
    if access == "read":
        # Signing in and the like are anybody's; who they make is an ordinary visitor then.
        assert {each for each in taken if "sign-in" not in each} == set()
    else:
        assert "POST ask/" in taken and "POST documents/" in taken
        assert not any("delete" in each or "bulk" in each or "actions" in each for each in taken)
    # Whole files and conversations, which she takes out herself.
    for route in WHOLE:
        path = path_of(route, filling) + ("?table=days" if "usage" in route else "")
        own = api(ADA) if route.startswith("api/") else hers
        assert own.get(path).status_code == 200, route


@pytest.mark.django_db(transaction=True)
def test_both_records_tell_of_it_and_the_owners_get_a_mail() -> None:
    allow("write")
    client = inside(staff_client("support"))
    queued = redis_client().lrange(f"{QUEUES}default", 0, -1)
    assert staff_visit_mail.task.name in {json.loads(each)["headers"]["task"] for each in queued}
    answer = client.post("/collections/", {"name": "By staff"})
    assert answer.status_code == 403
    file = SimpleUploadedFile("by-staff.md", b"# A note\n\nOf no matter.\n")
    assert client.post("/api/v1/documents/", {"file": file}).status_code == 201
    with public_scope("staff"):
        staff = User.objects.get(email="support@tenantry.example")
        event = AuditEvent.objects.get(action="workspace.visit")
        assert event.actor_id == staff.id and event.data["reason"] == WHY
    with entered(tenant_of(ALICE)):
        staff_visit_mail(str(visit().id))
        events = {each.action: each for each in AuditEvent.objects.filter(actor_id=staff.id)}
    assert {"staff.visit", "staff.enter", "document.upload"} <= set(events)
    for event in events.values():
        assert event.data["by"] == "staff" and event.data["as"] == str(user_of(ADA).id)
    [message] = [each for each in mail.outbox if "Our staff" in each.subject]
    assert message.to == [ALICE.email] and WHY in message.body and "Ada" in message.body
    shown = staff_client("security").get(LIST, {"q": "supp"}).content.decode()
    for named in ("support@tenantry.example", ADA.email, "Acme", WHY, "goes on until"):
        assert named in shown, named
    assert str(visit().user_id) not in shown and str(staff.id) not in shown
    for term, found in (("acme", 1), (ADA.email[:5], 1), ("travel policy", 1), ("globex", 0)):
        rows = staff_client("security").get(LIST, {"q": term}).context["cl"].result_count
        assert rows == found, term
    log = browser_of(ALICE)
    assert "Tenantry staff" in log.get("/settings/audit/").content.decode()
    assert WHY in log.get("/settings/data/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_it_ends_by_its_button_by_time_by_the_owner_and_with_staffs_own_session(
    manage: Callable[..., str],
) -> None:
    allow("read")
    staff, admin = staff_client("support"), staff_client()
    client = inside(staff)
    assert not is_over(client)
    assert client.post("/staff-visit/end/")["Location"].endswith("/admin/registry/impersonation/")
    assert is_over(client) and visit().ended_at is not None

    client = inside(staff)
    manage("owner", "shell", "-c", LATE)
    assert is_over(client)

    client, again = inside(staff), inside(staff)
    allow("none")
    assert is_over(client)
    allow("write")
    assert is_over(again), "what was taken back begins anew, and only anew"

    client = inside(staff)  # who may change things; the owner allows less
    allow("read")
    assert is_over(client)

    client = inside(staff)
    assert staff.post("/admin/logout/").status_code in (200, 302)
    assert is_over(client)

    staff = staff_client("support")
    client = inside(staff)
    with public_scope("staff"):
        colleague = User.objects.get(email="support@tenantry.example")
    form = {"email": colleague.email, "name": "", "staff_role": "support"}
    assert admin.post(f"/admin/accounts/user/{colleague.pk}/change/", form).status_code == 302
    assert is_over(client)
    # For everybody else there is nothing to end.
    assert browser_of(BOB).post("/staff-visit/end/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_visit_that_begins_while_less_is_being_allowed_is_over_too() -> None:
    staff = staff_client("support")
    allow("read")
    reader, reading = inside(staff), visit()
    allow("write")
    writer, writing = inside(staff), visit()
    allow("read")
    reopened(writing)
    assert is_over(writer) and not is_over(reader)
    allow("none")
    reopened(reading)
    assert is_over(reader)


def test_a_visits_socket_reads_alone_and_closes_when_it_ends(server: Server) -> None:
    aside(lambda: allow("read"))
    found: dict[str, Any] = {}
    aside(lambda: found.update(client=inside(staff_client("support"), MAX)))
    conversation = conversation_for(MAX)
    cookie = found["client"].cookies["session"].value
    aside(lambda: found.update(other=inside(staff_client("support"), MAX)))
    others = found["other"].cookies["session"].value
    with talking(server, MAX, conversation, cookie=others) as talk:
        talk.say("ask", text="Who are you?")
        talk.until("error")
        aside(lambda: found["other"].post("/staff-visit/end/"))
        with pytest.raises(ConnectionClosed):  # at once, and not when it is next looked at
            while True:
                talk.next(timeout=10)
    with talking(server, MAX, conversation, cookie=cookie) as talk:
        talk.say("resume", after=0)
        talk.say("ask", text="Who are you?")
        assert talk.until("error")[-1]["code"] == "forbidden"
        aside(lambda: allow("none"))
        talk.say("resume", after=0)
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                talk.next()
        assert caught.value.rcvd is not None and caught.value.rcvd.code == 4401
    with (
        pytest.raises(InvalidStatus),
        talking(server, MAX, conversation, cookie=cookie),
    ):
        pass
