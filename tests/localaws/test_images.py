"""Image blocks: checked like Bedrock's, counted by their area, told of truly."""

from __future__ import annotations

import io

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from localaws.images import BYTES, MOST

from .conftest import NOVA, said

MICRO = "amazon.nova-micro-v1:0"


def image(kind="PNG", size=(300, 200)):
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind)
    return out.getvalue()


def block(data, kind="png"):
    return {"image": {"format": kind, "source": {"bytes": data}}}


def looked(runtime, *content, model=NOVA, **more):
    words = {"text": "What is this?"}
    return runtime.converse(
        modelId=model, messages=[{"role": "user", "content": [*content, words]}], **more
    )


def test_an_image_is_counted_by_its_area_and_told_of_by_its_header(runtime):
    bare = looked(runtime)["usage"]["inputTokens"]
    answer = looked(runtime, block(image(), "png"))
    assert said(answer).startswith("The image is a PNG of 300 × 200 pixels.")
    assert "do not see" in said(answer)
    assert 80 < answer["usage"]["inputTokens"] - bare < 80 + 20
    both = looked(runtime, block(image("WEBP"), "webp"), block(image("GIF", (7, 9)), "gif"))
    assert "Image 2 is a GIF of 7 × 9 pixels." in said(both)
    guarded = {"guardContent": {"image": {"format": "jpeg", "source": {"bytes": image("JPEG")}}}}
    assert "a JPEG of 300 × 200" in said(looked(runtime, guarded))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([block(image(), "jpeg")], "specified as jpeg, but appears to be png"),
        ([block(b"\x89PNG\r\n\x1a\nnothing", "png")], "Could not process image"),
        ([block(image() + bytes(BYTES), "png")], "exceeds the maximum size"),
        ([block(image(size=(8001, 1)), "png")], "maximum of 8000 pixels"),
        ([block(image(size=(1, 1)), "png")] * (MOST + 1), "at most 20"),
        (
            [{"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/b.png"}}}}],
            "S3",
        ),
    ],
    ids=["format", "bytes", "size", "side", "count", "s3"],
)
def test_an_image_that_the_service_refuses_is_refused(runtime, content, words):
    with pytest.raises(ClientError) as refused:
        looked(runtime, *content)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert words in str(refused.value)


def test_images_are_for_users_and_for_models_that_see(runtime):
    messages = [
        {"role": "user", "content": [{"text": "Hello."}]},
        {"role": "assistant", "content": [block(image())]},
        {"role": "user", "content": [{"text": "Well?"}]},
    ]
    with pytest.raises(ClientError, match="role user only"):
        runtime.converse(modelId=NOVA, messages=messages)
    with pytest.raises(ClientError, match="doesn't support the image content block"):
        looked(runtime, block(image()), model=MICRO)


def test_a_guardrail_counts_the_images_that_it_looks_at(bedrock, runtime):
    def guarded(*modalities):
        rule = {"type": "SEXUAL", "inputStrength": "HIGH", "outputStrength": "HIGH"}
        if modalities:
            rule["inputModalities"] = list(modalities)
        made = bedrock.create_guardrail(
            name=f"looks-{len(modalities)}",
            blockedInputMessaging="No.",
            blockedOutputsMessaging="No.",
            contentPolicyConfig={"filtersConfig": [rule]},
        )
        config = {
            "guardrailIdentifier": made["guardrailId"],
            "guardrailVersion": "DRAFT",
            "trace": "enabled",
        }
        answer = looked(runtime, block(image()), guardrailConfig=config)
        (found,) = answer["trace"]["guardrail"]["inputAssessment"].values()
        return found["invocationMetrics"]

    seen = guarded("TEXT", "IMAGE")
    assert seen["usage"]["contentPolicyImageUnits"] == 1
    assert seen["guardrailCoverage"]["images"] == {"guarded": 1, "total": 1}
    blind = guarded()
    assert "contentPolicyImageUnits" not in blind["usage"]
    assert blind["guardrailCoverage"]["images"] == {"guarded": 0, "total": 1}
