"""Admins set their workspace's rules by REST and page; topics get a guardrail of their own."""

import os
from datetime import timedelta
from typing import Any

import boto3
import pytest
from django.test import Client
from django.utils import timezone

from bedrock import gateway, guardrails, policy, told
from bedrock.models import Guardrail, GuardrailCheck
from bedrock.provisioning import reconcile_guardrails
from tenants.context import TenantContext, entered, public_scope
from tenants.registry.models import Tenant
from tests.bedrock.asking import question
from tests.support.cast import ADA, BOB, CHARLIE
from tests.support.clients import api, browser_of, code_of, tenant_of
from tests.support.localaws import LocalAws

pytestmark = pytest.mark.django_db
SAFETY = "/api/v1/safety/"
TOPIC = {
    "name": "Investment advice",
    "definition": "Recommendations on investing money in stocks, funds or bonds.",
    "examples": ["Which stocks should I buy?"],
}
STOCKS = "Which stocks should I buy with my savings?"


def changed(client: Client, **rules: Any) -> Any:
    return client.patch(SAFETY, rules, content_type="application/json")


def aws(region: str = "eu-central-1") -> Any:
    return boto3.client("bedrock", region_name=region, endpoint_url=os.environ["AWS_ENDPOINT_URL"])


def mended(region: str = "eu-central-1") -> list[str]:
    with public_scope("staff"):
        return reconcile_guardrails(region)


@pytest.fixture
def own(globex: TenantContext, localaws: LocalAws) -> Any:
    """Globex denies a topic; its guardrail is made, and taken back after the test."""
    answer = changed(api(CHARLIE), topics=[TOPIC])
    assert answer.status_code == 200, answer.content
    assert answer.json()["own_guardrail_state"] == "is being made"
    mended()
    with public_scope("staff"):
        row = Guardrail.objects.get(tenant_id=globex.id)
    yield row
    for found in aws().list_guardrails()["guardrails"]:
        if globex.id.hex in found["name"]:
            aws().delete_guardrail(guardrailIdentifier=found["id"])


def test_an_admin_sets_words_which_a_viewer_only_reads(localaws: LocalAws) -> None:
    answer = changed(api(ADA), words=["Project Falcon"], thresholds={"HATE": "0.5"})
    assert answer.json()["words"] == ["Project Falcon"]
    seen = api(BOB).get(SAFETY).json()
    assert (seen["version"], seen["thresholds"]) == (1, {"HATE": 0.5})
    assert any("Hatred" in line for line in seen["posture_rules"])
    assert code_of(changed(api(BOB), words=[])) == "forbidden"
    assert code_of(changed(api(ADA), thresholds={"HATE": "7"})) == "rules_wrong"
    assert code_of(changed(api(ADA), topics=[TOPIC])) == "topics_not_included"
    asked = api(BOB).post("/api/v1/write/", {"task": "draft", "instructions": "On project falcon"})
    assert code_of(asked) == "forbidden" or asked.status_code == 403
    written = (
        api(ADA)
        .post(
            "/api/v1/write/",
            {"task": "draft", "instructions": "On project falcon"},
            content_type="application/json",
        )
        .json()
    )
    assert written["guardrail"]["action"] == "blocked"
    why = api(ADA).get(f"/api/v1/requests/{written['request_id']}/").json()
    assert [(each["by"], each["action"]) for each in why["interventions"]] == [
        ("The workspace's words", "blocked")
    ]
    page = browser_of(ADA).get("/settings/safety/").content.decode()
    assert "Project Falcon" in page and "Save the words" in page
    assert ">Hatred</label>" in page and ">Credit or debit card number</label>" in page
    read = browser_of(BOB).get("/settings/safety/").content.decode()
    assert "<code>Project Falcon</code>" in read and "Save the" not in read
    assert "<dt>Content: Hatred</dt><dd>0.5</dd>" in read, "what is set, without fields to fill in"
    assert "Content: Insults" not in read and 'name="t_' not in read
    words = {"part": "words", "words": "one\ntwo\n"}
    assert browser_of(ADA).post("/settings/safety/", words).status_code == 422, "of no version"
    posted = browser_of(ADA).post("/settings/safety/", {**words, "version": "1"})
    assert posted.status_code == 302
    again = api(ADA).post(f"{SAFETY}versions/1/restore/").json()
    assert (again["version"], again["words"]) == (3, ["Project Falcon"])


def test_denied_topics_have_a_guardrail_with_the_postures_rules_in_it(
    own: Guardrail, globex: TenantContext, acme: TenantContext, localaws: LocalAws
) -> None:
    found = aws().get_guardrail(guardrailIdentifier=own.guardrail_id, guardrailVersion=own.version)
    assert TOPIC["name"] in [topic["name"] for topic in found["topicPolicy"]["topics"]]
    assert found["sensitiveInformationPolicy"]["piiEntities"]
    with entered(globex):
        answer = gateway.converse(question(STOCKS))
        assert policy.guardrail_of(globex).own
    assert answer.blocked and answer.guardrail["id"] == own.guardrail_id
    with entered(acme):
        assert not gateway.converse(question(STOCKS)).blocked
        assert not Guardrail.objects.filter(tenant_id=globex.id).exists(), "another's topics"
    assert mended() == []
    changed(api(CHARLIE), topics=[])
    policy.forget()
    mended()  # a call of the last hour carried it: it stays in AWS, and serves no new one
    with entered(globex):
        assert not policy.guardrail_of(globex).own
    with public_scope("staff"):
        assert Guardrail.objects.get(id=own.id).state.startswith("is deleted when")


def test_the_state_of_topics_says_in_force_when_every_process_knows_them(
    own: Guardrail, localaws: LocalAws
) -> None:
    def state() -> str:
        return str(api(CHARLIE).get(SAFETY).json()["own_guardrail_state"])

    assert state() == "made, and in force in every process within five seconds"
    page = browser_of(CHARLIE).get("/settings/safety/").content.decode()
    assert "own guardrail: made, and in force in every process" in page
    with public_scope("staff"):
        Guardrail.objects.filter(id=own.id).update(checked_at=timezone.now() - told.SPREAD)
    assert state() == "in force"
    moved, before = Tenant.objects.filter(slug=CHARLIE.workspace), tenant_of(CHARLIE).posture
    with public_scope("staff"):
        moved.update(posture="regulated" if before != "regulated" else "general")
    assert state() == "is being made", "what it has is of the posture before"
    with public_scope("staff"):
        moved.update(posture=before)
    changed(api(CHARLIE), topics=[{**TOPIC, "definition": "Advice on which funds to buy."}])
    assert state() == "is being made anew; until then it denies the topics of before"
    mended()
    assert state().startswith("made, ")
    changed(api(CHARLIE), topics=[])
    assert state() == "is not needed any more and is being deleted"


def test_drift_is_found_and_mended(own: Guardrail, localaws: LocalAws) -> None:
    client, identifier = aws(), own.guardrail_id
    client.update_guardrail(
        guardrailIdentifier=identifier, name="renamed",
        blockedInputMessaging="x", blockedOutputsMessaging="x",
        wordPolicyConfig={"wordsConfig": [{"text": "x"}]},
    )  # fmt: skip
    client.untag_resource(resourceARN=own.arn, tagKeys=["TenantId"])
    assert {line.split(": ", 1)[1] for line in _named(client, mended(), own)} >= {
        "DRAFT differed: set back", "tags put back"
    }  # fmt: skip
    tags = client.list_tags_for_resource(resourceARN=own.arn)["tags"]
    assert {"key": "TenantId", "value": str(own.tenant_id)} in tags
    client.delete_guardrail(guardrailIdentifier=identifier)
    assert any("made again" in line for line in mended())
    with public_scope("staff"):
        row = Guardrail.objects.get(id=own.id)
    assert row.guardrail_id != identifier and row.version == "1"
    assert row.checked_at is not None and "made again" in row.state


def _named(client: Any, lines: list[str], own: Guardrail) -> list[str]:
    return [line for line in lines if own.tenant_id.hex in line]


def test_old_versions_go_but_not_one_that_a_call_just_carried(
    own: Guardrail,
    globex: TenantContext,
    localaws: LocalAws,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with entered(globex):
        gateway.converse(question("hello"))  # carries version 1
    for number in range(6):
        changed(api(CHARLIE), topics=[{**TOPIC, "definition": f"Advice on money, {number}."}])
        mended()

    def numbers() -> set[str]:
        found = aws().list_guardrails(guardrailIdentifier=own.guardrail_id)["guardrails"]
        return {row["version"] for row in found} - {"DRAFT"}

    assert numbers() == {"1", "5", "6", "7"}
    monkeypatch.setattr(guardrails, "CARRIED", timedelta(0))  # the hour is over
    mended()
    assert numbers() == {"5", "6", "7"}


def test_an_empty_pool_refuses_and_changes_nothing(globex: TenantContext) -> None:
    with public_scope("staff"):
        GuardrailCheck.objects.update_or_create(
            region="eu-central-1", defaults={"quota": 30, "reserve": 10, "foreign": 20}
        )
    answer = changed(api(CHARLIE), topics=[TOPIC])
    assert (answer.status_code, code_of(answer)) == (409, "guardrail_pool_empty")
    assert api(CHARLIE).get(SAFETY).json()["version"] == 0
    with public_scope("staff"):
        assert not Guardrail.objects.filter(tenant_id=globex.id).exists()
    assert guardrails.VERSIONS_KEPT == 3
