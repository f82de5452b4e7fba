"""Staff see what stands in AWS and what was decided; only models, routes and tiers are theirs."""

from contextlib import suppress

import pytest
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse

from bedrock import gateway
from bedrock.errors import ModelUnavailable
from bedrock.models import Guardrail, InferenceProfile, Model, ModelRoute, PolicyDecision
from tenants.context import TenantContext, entered, public_scope
from tests.bedrock.asking import question
from tests.support.cast import PASSWORD
from tests.support.localaws import LocalAws

pytestmark = pytest.mark.django_db
HOST = "localhost"


@pytest.fixture
def staff(db: None) -> Client:
    client = Client(headers={"Host": HOST})
    answer = client.post(
        "/admin/login/",
        {"username": "staff@tenantry.example", "password": PASSWORD, "next": "/admin/"},
    )
    assert answer.status_code == 302, answer.content[:300]
    return client


def address(model: str, page: str, *args: object) -> str:
    return reverse(f"admin:bedrock_{model}_{page}", urlconf="config.urls_public", args=args)


@pytest.mark.parametrize(
    "model",
    ["model", "modelroute", "tier", "guardrail", "inferenceprofile", "policydecision",
     "failedattempt", "guardrailcheck", "intervention", "safetyrules", "loggedcall",
     "logfinding", "logobject", "logcursor"],
)  # fmt: skip
def test_every_list_opens(
    model: str, staff: Client, acme: TenantContext, localaws: LocalAws
) -> None:
    localaws.script(error={"code": "ServiceUnavailableException", "status": 503})
    with entered(acme), suppress(ModelUnavailable):  # a failed attempt, repeated or not
        gateway.converse(question())
    assert staff.get(address(model, "changelist")).status_code == 200


def test_lists_name_the_workspace(staff: Client, acme: TenantContext, localaws: LocalAws) -> None:
    with entered(acme):
        gateway.converse(question())
    lists = [address("policydecision", "changelist"), "/admin/billing/reservation/"]
    for shown in (staff.get(each).content.decode() for each in lists):
        assert f">{acme.name}</td>" in shown
        assert f">{acme.id}</td>" not in shown


def test_a_decision_shows_what_is_in_the_ledger(
    staff: Client, acme: TenantContext, localaws: LocalAws
) -> None:
    asked = question()
    with entered(acme):
        gateway.converse(asked)
    with public_scope("staff"):
        row = PolicyDecision.objects.get(request_id=asked.request_id)
    shown = staff.get(address("policydecision", "change", row.pk)).content.decode()
    assert "101 · input tokens" in shown
    assert shown.index(acme.name) < shown.index(str(acme.id)), "who it is, and then the id"
    assert "E-" not in shown.partition("101 ·")[2].partition("</pre>")[0], "sums as people write"
    assert "nothing" in shown  # the log has not been read


def test_a_model_is_edited_and_a_guardrail_is_only_read(staff: Client) -> None:
    with public_scope("staff"):
        row = Model.objects.get(model_id="amazon.nova-lite-v1:0")
        guardrail = Guardrail.objects.filter(posture="regulated").first()
        profile = InferenceProfile.objects.first()
    form = {
        "name": row.name,
        "context_window": row.context_window,
        "max_output": row.max_output,
        "letters_per_token": row.letters_per_token,
        "cache_minimum": row.cache_minimum or "",
        "supports_tools": "on",
        "silence_seconds": row.silence_seconds,
        "service_tiers": "[]",
    }
    page = address("model", "change", quote(row.pk))
    assert staff.post(page, form).status_code == 302
    assert guardrail is not None and profile is not None
    with public_scope("staff"):
        assert not Model.objects.get(pk=row.pk).supports_tone
    shown = staff.get(address("guardrail", "change", guardrail.pk))
    assert shown.status_code == 200
    assert guardrail.arn in shown.content.decode()
    for model, pk in (("guardrail", guardrail.pk), ("inferenceprofile", profile.pk)):
        assert staff.post(address(model, "change", pk), {"version": "DRAFT"}).status_code == 403
        assert staff.post(address(model, "delete", pk), {"post": "yes"}).status_code == 403


def test_a_route_that_has_begun_stays_as_it_was(staff: Client) -> None:
    with public_scope("staff"):
        route = ModelRoute.objects.first()
    assert route is not None
    assert staff.post(address("modelroute", "change", route.pk), {}).status_code == 403
