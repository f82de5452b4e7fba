"""The host names the tenant; a forged one names nothing."""

import pytest
from django.conf import settings

from tenants.context import public_scope
from tenants.registry.models import Status, Tenant
from tests.support.cast import ALICE, CHARLIE
from tests.support.clients import api, code_of, signed_in, stranger

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "host",
    [
        "nobody.localhost",
        "evil.example",
        "acme.localhost.evil.example",
        "www.acme.localhost",
        "acme.localhost@evil.example",
        "acme_localhost",
        "",
    ],
)
def test_an_unknown_host_is_not_found(host: str) -> None:
    answer = stranger(host).get("/sign-in/")
    assert answer.status_code == 404
    page = answer.content.decode()
    assert "There is no workspace at this address" in page and "Go to the start page" not in page
    answer = stranger(host).get("/api/v1/documents/")
    assert (answer.status_code, code_of(answer)) == (404, "tenant_unavailable")


def test_a_forwarded_host_is_not_believed() -> None:
    answer = api(ALICE).get("/api/v1/documents/", headers={"X-Forwarded-Host": CHARLIE.host})
    assert answer.status_code == 200
    answer = api(CHARLIE, host=ALICE.host).get(
        "/api/v1/documents/", headers={"X-Forwarded-Host": CHARLIE.host}
    )
    assert answer.status_code == 401


def test_the_port_of_the_host_does_not_matter() -> None:
    assert stranger("acme.localhost:8123").get("/sign-in/").status_code == 200


def test_a_suspended_workspace_is_not_found() -> None:
    client = signed_in(CHARLIE)
    with public_scope("staff"):
        Tenant.objects.filter(slug="globex").update(status=Status.SUSPENDED)
    answer = client.get("/settings/members/")
    assert answer.status_code == 404
    assert "There is no workspace at this address" in answer.content.decode()
    assert f'href="{settings.BASE_URL}/find/"' in answer.content.decode()
    assert api(CHARLIE).get("/api/v1/usage/").status_code == 404


def test_what_is_not_there_on_a_host_that_serves_is_not_a_workspace_that_is_missing() -> None:
    for host in (settings.BASE_HOST, ALICE.host):
        answer = stranger(host).get("/nothing/")
        assert answer.status_code == 404 and "Nothing is here" in answer.content.decode()


def test_the_staff_admin_does_not_exist_on_a_workspace() -> None:
    assert signed_in(ALICE).get("/admin/").status_code == 404


def test_an_unknown_address_of_the_api_is_a_problem_document() -> None:
    answer = api(ALICE).get("/api/v1/nothing/")
    assert answer.status_code == 404
    assert code_of(answer) == "not_found"


def test_pages_allow_no_foreign_script_and_no_frame() -> None:
    answer = stranger(ALICE.host).get("/sign-in/")
    policy = answer["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
