"""Groups: collections are shared with them and allowances given, from the next request on."""

from decimal import Decimal
from typing import Any

import pytest

from billing.limitmodels import Allowance
from search.access import collections_writable
from tenants.accounts.groups import group_create
from tenants.accounts.models import AuditEvent, GroupMember, User
from tenants.context import Actor, entered
from tenants.errors import Forbidden
from tests.documents.helpers import HANDBOOK, ready
from tests.documents.test_collections import WORD, collection, kept
from tests.search.shelf import find
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, MAX, Person
from tests.support.clients import api, browser_of, code_of, tenant_of, user_of

pytestmark = pytest.mark.django_db
JSON = "application/json"


def group(person: Person = ADA, name: str = "Directors") -> str:
    made = api(person).post("/api/v1/groups/", {"name": name}, JSON)
    assert made.status_code == 201, made.content
    return str(made.json()["id"])


def join(group_id: str, person: Person) -> Any:
    return api(ADA).put(f"/api/v1/groups/{group_id}/members/{user_of(person).id}/")


def leave(group_id: str, person: Person) -> None:
    path = f"/api/v1/groups/{group_id}/members/{user_of(person).id}/"
    assert api(ADA).delete(path).status_code == 204


def share(owner: Person, collection_id: str, group_id: str, right: str = "read") -> Any:
    path = f"/api/v1/collections/{collection_id}/groups/{group_id}/"
    return api(owner).put(path, {"right": right}, JSON)


def finds(person: Person) -> bool:
    return bool(find(api(person), WORD))


def test_who_is_in_the_group_when_it_is_asked_finds_it_and_nobody_else() -> None:
    board = collection(MAX)
    document = kept(MAX, inside=board)
    team = group()
    assert share(MAX, board, team).status_code == 200
    assert not finds(BOB)
    join(team, BOB)
    assert finds(BOB) and not finds(ADA)
    assert api(BOB).get(f"/api/v1/documents/{document}/").status_code == 200
    assert api(BOB).patch(f"/api/v1/documents/{document}/", {"name": "x"}, JSON).status_code == 403
    leave(team, BOB)
    assert not finds(BOB)
    assert api(BOB).get(f"/api/v1/documents/{document}/").status_code == 404
    # A deleted group leaves nothing behind, and a collection taken away from one neither.
    join(team, BOB)
    assert api(MAX).delete(f"/api/v1/collections/{board}/groups/{team}/").status_code == 204
    assert not finds(BOB)
    share(MAX, board, team)
    assert api(ADA).delete(f"/api/v1/groups/{team}/").status_code == 204
    assert not finds(BOB)
    with entered(tenant_of(BOB)):
        deeds = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"group.create", "group.add", "group.take", "group.delete"} <= deeds


def test_a_right_to_add_comes_by_group_for_members_alone() -> None:
    board, team = collection(ALICE), group()
    document = kept(ALICE, inside=board)
    share(ALICE, board, team, "add")
    for person, status in ((MAX, 200), (BOB, 403)):
        join(team, person)
        answer = api(person).patch(f"/api/v1/documents/{document}/", {"name": "pay 2.md"}, JSON)
        assert answer.status_code == status
        with entered(tenant_of(person)):  # whoever asks, and by whatever way
            asks = Actor(user_of(person).id, user_of(person).role, "task")
            addable = collections_writable(asks).filter(id=board)
            assert addable.exists() == (status == 200)
    readable = collection(ALICE)
    share(ALICE, readable, team, "read")
    with entered(tenant_of(MAX)):
        asks = Actor(user_of(MAX).id, user_of(MAX).role, "task")
        assert not collections_writable(asks).filter(id=readable).exists()


def test_groups_are_admins_to_make_and_of_one_workspace() -> None:
    team = group()
    for body in ({"name": "Mine"}, {}):  # refused before anything of it is looked at
        assert api(MAX).post("/api/v1/groups/", body, JSON).status_code == 403
    with entered(tenant_of(MAX)), pytest.raises(Forbidden):  # by whatever way
        group_create(actor=Actor(user_of(MAX).id, user_of(MAX).role, "task"), name="Mine")
    assert code_of(api(ADA).post("/api/v1/groups/", {"name": "DIRECTORS"}, JSON)) == "conflict"
    with entered(tenant_of(CHARLIE)):
        stranger = user_of(CHARLIE).id
    assert api(ADA).put(f"/api/v1/groups/{team}/members/{stranger}/").status_code == 404
    with entered(tenant_of(ADA)):
        program = User.objects.create(email="p@x.example", is_service=True, role="viewer")
        User.objects.filter(email=MAX.email).update(is_active=False)
    for nobody in (program.id, user_of(MAX).id):
        assert api(ADA).put(f"/api/v1/groups/{team}/members/{nobody}/").status_code == 404
    theirs = collection(CHARLIE)
    path = f"/api/v1/collections/{theirs}/groups/{team}/"
    assert api(CHARLIE).put(path, {"right": "read"}, JSON).status_code == 404
    page = browser_of(ADA).get("/settings/groups/").content.decode()
    assert "Directors" in page and "Create group" in page
    assert "Create group" not in browser_of(BOB).get("/settings/groups/").content.decode()
    group(name="Managers")
    page = browser_of(ADA).get("/settings/groups/").content.decode()
    assert page.count(f'<option value="{BOB.email}">') == 1  # once, however many groups there are
    form = {"act": "add", "email": BOB.email}
    browser_of(ADA).post(f"/settings/groups/{team}/", form)
    wrong = browser_of(ADA).post(f"/settings/groups/{team}/", {**form, "email": CHARLIE.email})
    assert wrong.status_code == 422 and "no such active member" in wrong.content.decode()
    browser_of(ADA).post(f"/settings/groups/{team}/", form)  # nothing, and nothing on record
    with entered(tenant_of(ADA)):
        assert AuditEvent.objects.filter(action="group.add").count() == 1
    told = {each["id"]: each for each in api(BOB).get("/api/v1/groups/").json()["results"]}
    assert told[team]["members"] == [str(user_of(BOB).id)]


def test_an_invitation_leads_into_groups_by_name_from_a_csv() -> None:
    team = group(name="Field team")
    lines = "mia@example.com,viewer,field TEAM; \nleo@example.com,viewer,Nobody"
    page = browser_of(ADA).post("/settings/members/", {"lines": lines, "role": "member"})
    assert "There is no group Nobody" in page.content.decode()
    from tenants.accounts.invitations import invitations_open, token_of

    with entered(tenant_of(ADA)):
        [invitation] = invitations_open()
        path = f"/invitation/{token_of(invitation)}/"
    gone = group(name="Gone")
    invited = {"lines": "leo@example.com,viewer,Gone", "role": "member"}
    browser_of(ADA).post("/settings/members/", invited)
    assert api(ADA).delete(f"/api/v1/groups/{gone}/").status_code == 204
    with entered(tenant_of(ADA)):
        leos = token_of(next(each for each in invitations_open() if each.email.startswith("leo")))
    from tests.support.clients import stranger

    form = {"name": "Mia", "password": "a long and quiet afternoon"}
    assert stranger(ADA.host).post(path, form).status_code == 302
    with entered(tenant_of(ADA)):
        [member] = GroupMember.objects.filter(group_id=team)
        assert member.user.email == "mia@example.com"
    # A group that is gone by then keeps nobody out.
    assert stranger(ADA.host).post(f"/invitation/{leos}/", form).status_code == 302


def allowed(person: Person) -> tuple[Decimal | None, Decimal | None] | None:
    """Return the row that admission reads for the person."""
    with entered(tenant_of(person)):
        row = Allowance.objects.filter(user_id=user_of(person).id).first()
        return (row.model_tokens, row.spend_usd) if row else None


def allow(subject: str, tokens: int | None, usd: str | None = None) -> None:
    body = {"user_id": subject, "model_tokens": tokens, "spend_usd": usd}
    answer = api(ADA).put("/api/v1/usage/allowances/", body, JSON)
    assert answer.status_code == 200, answer.content


def test_a_groups_allowance_is_its_peoples_unless_they_have_their_own() -> None:
    ready("travel.md", HANDBOOK)
    small, large = group(name="Small"), group(name="Large")
    join(small, BOB)
    allow(small, 0, "5")
    assert allowed(BOB) == (0, 5) and allowed(MAX) is None
    question = {"question": "What may a hotel room cost?"}
    refused = api(BOB).post("/api/v1/ask/", question, JSON)
    assert refused.status_code == 402 and code_of(refused) == "quota_exhausted"
    allow(large, 900_000)
    join(large, BOB)  # the most generous of each kind counts, and no limit is more than any
    assert allowed(BOB) == (900_000, None)
    assert api(BOB).post("/api/v1/ask/", question, JSON).status_code == 200
    allow(str(user_of(BOB).id), 7)
    assert allowed(BOB) == (7, None)
    allow(str(user_of(BOB).id), None)
    assert allowed(BOB) == (900_000, None)
    leave(large, BOB)
    assert allowed(BOB) == (0, 5)
    assert api(ADA).delete(f"/api/v1/groups/{small}/").status_code == 204
    assert allowed(BOB) is None
    group(name="Without limits")
    page = browser_of(ADA).get("/usage/limits/").content.decode()
    assert "Without limits" in page and "Large" in page and "each of the group" in page
