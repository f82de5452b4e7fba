"""Guardrails as resources: versions, limits, refusals."""

import pytest

from .guards import MESSAGES, filters, words


def test_a_guardrails_life_from_draft_to_numbered_versions(bedrock):
    created = bedrock.create_guardrail(
        name="life",
        description="first",
        wordPolicyConfig=words("alpha"),
        contentPolicyConfig=filters(HATE="HIGH"),
        tags=[{"key": "posture", "value": "standard"}],
        **MESSAGES,
    )
    identifier, arn = created["guardrailId"], created["guardrailArn"]
    assert created["version"] == "DRAFT"
    assert bedrock.create_guardrail_version(guardrailIdentifier=arn)["version"] == "1"
    bedrock.update_guardrail(
        guardrailIdentifier=identifier, name="life", wordPolicyConfig=words("beta"), **MESSAGES
    )
    frozen = bedrock.get_guardrail(guardrailIdentifier=identifier, guardrailVersion="1")
    assert frozen["wordPolicy"]["words"][0]["text"] == "alpha"
    assert frozen["contentPolicy"]["filters"][0]["type"] == "HATE"
    draft = bedrock.get_guardrail(guardrailIdentifier=identifier)
    assert draft["wordPolicy"]["words"][0]["text"] == "beta"
    assert "contentPolicy" not in draft and draft["status"] == "READY"
    versions = bedrock.list_guardrails(guardrailIdentifier=identifier)["guardrails"]
    assert {row["version"] for row in versions} == {"DRAFT", "1"}
    assert identifier in [row["id"] for row in bedrock.list_guardrails()["guardrails"]]
    assert bedrock.list_tags_for_resource(resourceARN=arn)["tags"] == [
        {"key": "posture", "value": "standard"}
    ]
    with pytest.raises(bedrock.exceptions.ConflictException):
        bedrock.create_guardrail(name="life", wordPolicyConfig=words("x"), **MESSAGES)
    bedrock.delete_guardrail(guardrailIdentifier=identifier, guardrailVersion="1")
    bedrock.delete_guardrail(guardrailIdentifier=identifier)
    with pytest.raises(bedrock.exceptions.ResourceNotFoundException):
        bedrock.get_guardrail(guardrailIdentifier=identifier)


def test_a_guardrail_has_at_most_twenty_versions(bedrock, guardrail):
    identifier = guardrail(wordPolicyConfig=words("x"))["guardrailIdentifier"]
    for _ in range(20):
        bedrock.create_guardrail_version(guardrailIdentifier=identifier)
    with pytest.raises(bedrock.exceptions.ServiceQuotaExceededException):
        bedrock.create_guardrail_version(guardrailIdentifier=identifier)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"wordPolicyConfig": words("one two three four")},
        {"wordPolicyConfig": words("x"), "automatedReasoningPolicyConfig": {"policies": ["arn:x"]}},
        {"contentPolicyConfig": {"filtersConfig": [*filters(HATE="LOW")["filtersConfig"]] * 2}},
        {
            "contentPolicyConfig": {
                **filters(HATE="LOW"),
                "tierConfig": {"tierName": "STANDARD"},
            }
        },
        {
            "topicPolicyConfig": {
                "topicsConfig": [{"name": "Long", "definition": "x" * 201, "type": "DENY"}]
            }
        },
        {
            "sensitiveInformationPolicyConfig": {
                "regexesConfig": [{"name": "Ahead", "pattern": "a(?=b)", "action": "BLOCK"}]
            }
        },
    ],
)
def test_what_the_service_refuses_is_refused(bedrock, wrong):
    with pytest.raises(bedrock.exceptions.ValidationException):
        bedrock.create_guardrail(name="wrong", **MESSAGES, **wrong)


def test_repeating_a_request_token_makes_nothing_twice(bedrock, guardrail):
    identifier = guardrail(wordPolicyConfig=words("x"))["guardrailIdentifier"]
    token = "t" * 36
    made = {
        bedrock.create_guardrail_version(guardrailIdentifier=identifier, clientRequestToken=token)[
            "version"
        ]
        for _ in range(2)
    }
    assert made == {"1"}


def test_tiers_and_regions_are_kept_as_data(bedrock):
    created = bedrock.create_guardrail(
        name="across",
        topicPolicyConfig={
            "topicsConfig": [{"name": "Long", "definition": "x" * 900, "type": "DENY"}],
            "tierConfig": {"tierName": "STANDARD"},
        },
        crossRegionConfig={"guardrailProfileIdentifier": "us.guardrail.v1:0"},
        **MESSAGES,
    )
    found = bedrock.get_guardrail(guardrailIdentifier=created["guardrailId"])
    bedrock.delete_guardrail(guardrailIdentifier=created["guardrailId"])
    assert found["topicPolicy"]["tier"] == {"tierName": "STANDARD"}
    assert found["crossRegionDetails"]["guardrailProfileId"] == "us.guardrail.v1:0"
