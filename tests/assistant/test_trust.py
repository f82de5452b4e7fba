"""The Trust page and its document say what stands; the self-test tries the walls and can fail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.utils import timezone

from bedrock.models import InferenceProfile
from bedrock.policy import guardrail_of
from bedrock.provisioning import reconcile_profiles
from tenants.context import entered, public_scope
from tenants.lifecycle.selftest import isolation_check
from tenants.registry.models import DataExport, IsolationCheck
from tenants.webhooks.models import Endpoint
from tests.documents.helpers import HANDBOOK, ready
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, MAX, Person
from tests.support.clients import api, browser_of, tenant_of, user_of
from tests.support.localaws import LocalAws
from tests.support.services import Worker

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/settings/trust/"
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _tasks_at_once() -> Iterator[None]:
    """Run what is dispatched in this process: what it finds is what the test is about."""
    from config.celery import app

    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def test_each_line_is_what_stands_and_the_document_says_the_same(localaws: LocalAws) -> None:
    ready("Travel policy.md", HANDBOOK)
    question = {"question": "How many days may employees work abroad?"}
    asked = api(MAX).post("/api/v1/ask/", question, content_type="application/json").json()
    browser, tenant = browser_of(ADA), tenant_of(ADA)
    assert "Not run yet" in browser.get(PAGE).content.decode()
    page = browser.post(PAGE, follow=True).content.decode()
    with entered(tenant):
        check, guardrail = IsolationCheck.objects.get(), guardrail_of(tenant)
    assert check.passed and len(check.lines) == 3
    assert "permission denied" in check.lines[0]["outcome"], check.lines
    assert check.lines[2]["outcome"] == "AccessDenied"
    api(ADA).patch(
        "/api/v1/data/policy/", {"days": {"documents": 45}}, content_type="application/json"
    )
    with public_scope("staff"):
        InferenceProfile.objects.update(regions=None)
    assert "not read yet; they are read with the next check" in browser.get(PAGE).content.decode()
    with public_scope("staff"):
        reconcile_profiles(tenant.region)
    with entered(tenant):
        Endpoint.objects.create(url="https://hooks.example:8443/in?key=x", secret="x")
        user_of(MAX).factors.create(kind="app", name="Phone", last_used_at=timezone.now())
    page = browser.get(PAGE).content.decode()
    document = browser.get(f"{PAGE}document/").content.decode()
    for told in (page, document):
        assert guardrail.arn in told and f"/requests/{asked['request_id']}/" in told
        assert "application-inference-profile/" in told and tenant.schema in told
        assert "45 days" in told and "us-east-1" in told
        assert "1 of 1" in told, "answers through Bedrock"
        assert "1 owner, 1 admin, 1 member, 1 viewer" in told
        # A system profile serves in any Region of its geography: the workspace's alone would be
        # a claim.
        assert "US East (N. Virginia) (us-east-1), US East (Ohio) (us-east-2)" in told
        assert "Nobody must; 1 of 4 members have one" in told and "hooks.example" in told
        assert "Not at all; 0 visits in 30 days" in told and "8443" not in told
        for file, test in re.findall(r"(tests/[\w/]+\.py)::(\w+)", told):
            assert f"def {test}(" in (ROOT / file).read_text()
    assert document.startswith("# Trust: Acme Works") and "| 45 days |" in document


def test_a_wall_that_does_not_hold_fails_the_self_test(localaws: LocalAws, worker: Worker) -> None:
    tenant, other = tenant_of(CHARLIE), tenant_of(ALICE)
    assert isolation_check(tenant).passed

    def as_owner(statement: str) -> None:
        url = worker.served.cluster().url("owner", worker.database)
        with psycopg.connect(url, autocommit=True) as owner_login:
            owner_login.execute(statement)  # type: ignore[arg-type]

    as_owner("ALTER TABLE registry_dataexport DISABLE ROW LEVEL SECURITY")
    as_owner(f'GRANT USAGE ON SCHEMA "{tenant.schema}" TO "{other.schema}"')
    as_owner(f'GRANT SELECT ON "{tenant.schema}".django_session TO "{other.schema}"')
    try:
        with entered(tenant):
            DataExport.objects.create(tenant_id=tenant.id, state="failed")
        check = isolation_check(tenant)
        assert not check.passed
        assert [line["held"] for line in check.lines] == [False, False, True]
        page = browser_of(CHARLIE).get(PAGE).content.decode()
        assert "The last self-test did not hold" in page and "1 rows seen" in page
    finally:
        as_owner("ALTER TABLE registry_dataexport ENABLE ROW LEVEL SECURITY")
        as_owner(f'REVOKE SELECT ON "{tenant.schema}".django_session FROM "{other.schema}"')
        as_owner(f'REVOKE USAGE ON SCHEMA "{tenant.schema}" FROM "{other.schema}"')
    with entered(other):
        assert not IsolationCheck.objects.filter(tenant_id=tenant.id).exists()


@pytest.mark.parametrize("person", [BOB, MAX])
def test_below_admin_it_is_not_offered(person: Person) -> None:
    browser = browser_of(person)
    assert PAGE not in browser.get("/settings/workspace/").content.decode()
    for answer in (browser.get(PAGE), browser.post(PAGE), browser.get(f"{PAGE}document/")):
        assert answer.status_code == 403
