"""An owner renames the workspace: its own row alone, its address never."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from tenants.accounts.models import AuditEvent
from tenants.context import Actor, entered, public_scope
from tenants.errors import Forbidden
from tenants.lifecycle.renaming import NAME_CHARACTERS, workspace_rename
from tenants.registry.models import Status, Tenant
from tenants.seen import ChangedMeanwhile
from tests.support.cast import ADA, ALICE, BOB, CHARLIE
from tests.support.clients import browser_of, tenant_of

pytestmark = pytest.mark.django_db
PAGE, FORM = "/settings/workspace/", "/settings/workspace/name/"


def test_an_owner_renames_the_workspace_and_its_address_stays() -> None:
    before = tenant_of(ALICE)
    page = browser_of(ALICE).get(PAGE).content.decode()
    assert f"The address stays {ALICE.host}" in page

    answer = browser_of(ALICE).post(FORM, {"name": "  Acme\u202e Kilns\u200b  Ltd "})
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    after = tenant_of(BOB)
    assert after.name == "Acme Kilns Ltd"
    assert (after.id, after.slug, after.schema) == (before.id, before.slug, before.schema)
    assert "Acme Kilns Ltd" in browser_of(BOB).get(PAGE).content.decode()
    with entered(after):
        told = AuditEvent.objects.filter(action="workspace.rename").latest("id")
        assert told.data == {"before": before.name, "after": "Acme Kilns Ltd"}
    assert "Renamed the workspace" in browser_of(ALICE).get("/settings/audit/").content.decode()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("\u200b \u202e", "Give the workspace a name."),
        ("x" * (NAME_CHARACTERS + 1), f"A name has at most {NAME_CHARACTERS} characters"),
        ("See www.evil.example", "Give the workspace a plain name, without a link."),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_what_was_typed(name: str, said: str) -> None:
    before = tenant_of(ALICE).name
    refused = browser_of(ALICE).post(FORM, {"name": name})
    assert refused.status_code == 422
    text = refused.content.decode()
    assert said in text
    assert f'value="{name}"' in text
    assert tenant_of(ALICE).name == before


def test_only_an_owner_renames() -> None:
    before = tenant_of(ADA).name
    assert 'action="/settings/workspace/name/"' not in browser_of(ADA).get(PAGE).content.decode()
    assert browser_of(ADA).post(FORM, {"name": "Mine"}).status_code == 403
    admin = Actor(user_id=None, role="admin", kind="session")
    with entered(tenant_of(ADA)), pytest.raises(Forbidden):
        workspace_rename(actor=admin, name="Mine")
    assert tenant_of(ADA).name == before


def test_of_two_at_one_instant_the_later_is_told() -> None:
    looked = tenant_of(ALICE)  # both requests began with this name
    actor = Actor(user_id=None, role="owner", kind="session")
    with entered(looked):
        workspace_rename(actor=actor, name="Acme One")
        with pytest.raises(ChangedMeanwhile):
            workspace_rename(actor=actor, name="Acme Two")
    assert tenant_of(ALICE).name == "Acme One"


def test_the_database_lets_a_workspace_rename_itself_alone() -> None:
    acme, globex = tenant_of(ALICE), tenant_of(CHARLIE)
    rename = "SELECT registry_rename(%s, %s, 'Owned')"
    for sql, values in (
        (rename, [globex.id, globex.name]),
        ("UPDATE public.registry_tenant SET name = 'Owned' WHERE id = %s", [acme.id]),
    ):
        with (
            entered(acme), pytest.raises(ProgrammingError), transaction.atomic(),
            connection.cursor() as cursor,
        ):  # fmt: skip
            cursor.execute(sql, values)
    assert tenant_of(CHARLIE).name == globex.name


def test_the_database_takes_no_blank_name_and_renames_no_workspace_that_is_suspended() -> None:
    acme = tenant_of(ALICE)

    def renamed(name: str) -> bool:
        with entered(acme), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT registry_rename(%s, %s, %s)", [acme.id, acme.name, name])
            return bool(cursor.fetchone()[0])

    for blank in ("", " \t"):
        with pytest.raises(IntegrityError, match="a workspace has a name"):
            renamed(blank)
    with public_scope("staff"):
        Tenant.objects.filter(id=acme.id).update(status=Status.SUSPENDED)
    assert not renamed("Acme Two")
    with public_scope("staff"):
        assert Tenant.objects.get(id=acme.id).name == acme.name
