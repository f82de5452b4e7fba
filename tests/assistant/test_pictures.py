"""Pictures that are attached to a message: shown to models that see, guarded, metered, erased."""

import base64
import io
import json
import zlib
from typing import Any

import pytest
from PIL import Image

from assistant.seeing import MOST_SEEN
from bedrock import policy
from bedrock.errors import PictureNotMasked, PicturesUnseen
from bedrock.models import Model
from billing.models import LedgerEntry, Reservation
from documents.models import Document
from documents.tasks import objects_sweep
from tenants.context import entered, public_scope
from tenants.objects import objects_list
from tests.assistant.talking import Server, conversation_for, said_in, talking
from tests.assistant.test_attachments import attach, attached, home, say
from tests.documents.helpers import ingested
from tests.documents.test_masking import others, regulate
from tests.support.cast import CHARLIE, MAX
from tests.support.clients import api, browser_of, code_of, tenant_of
from tests.support.localaws import LocalAws

LOOK = "What does this picture show?"
SMALL = "amazon.nova-lite-v1:0"


def picture(kind: str = "PNG", size: tuple[int, int] = (640, 480), colour: str = "teal") -> Any:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


def blocks(call: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the pictures that a call sent."""
    content = [block for message in call["body"]["messages"] for block in message["content"]]
    return [b["guardContent"]["image"] for b in content if "image" in b.get("guardContent", {})]


def sizes(call: dict[str, Any]) -> list[tuple[int, int]]:
    found = [base64.b64decode(image["source"]["bytes"]) for image in blocks(call)]
    return [Image.open(io.BytesIO(data)).size for data in found]


def unsee(*model_ids: str) -> None:
    """Take the sight from models."""
    with public_scope("staff"):
        Model.objects.filter(model_id__in=model_ids).update(image_tokens=None)
    policy.forget()


@pytest.mark.django_db(transaction=True)
def test_a_model_is_shown_an_attached_picture_guarded_and_metered(
    server: Server, localaws: LocalAws
) -> None:
    conversation = conversation_for(MAX)
    shown = attached(MAX, conversation, "Site.PNG", picture(size=(2480, 1200)))
    localaws.forget_requests()
    with talking(server, MAX, conversation) as talk:
        talk.say("ask", text=LOOK, attachment_ids=[shown])
        frames = talk.until("turn.finished", "error")
    told = frames[-1]
    assert "a JPEG of 1240 × 600 pixels" in told["text"], told
    assert told["grounded"] is None
    assert [step["line"] for step in told["steps"] if step["name"] == "look_at_pictures"] == [
        "Looked at 1 attached picture"
    ]
    (call,) = localaws.requests("ConverseStream")
    assert sizes(call) == [(1240, 600)]
    with entered(tenant_of(MAX)):
        units = dict(
            LedgerEntry.objects.filter(request_id=told["request_id"]).values_list(
                "unit", "quantity"
            )
        )
        reserved = Reservation.objects.filter(request_id=told["request_id"])
        most = [row.estimate for row in reserved if "output_tokens" in row.estimate]
    assert units["guardrail_image_units"] == 1
    assert units["input_tokens"] == call["usage"]["inputTokens"] > 1240 * 600 / 750
    assert any(units["input_tokens"] <= each["input_tokens"] for each in most)
    # What was asked before is looked at again with what is asked next.
    assert "1240 × 600" in say(MAX, conversation, "And how large is it?").json()["text"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF"])
def test_each_kind_of_picture_is_shown_upright_and_without_what_its_file_tells(
    kind: str, localaws: LocalAws
) -> None:
    conversation = conversation_for(MAX)
    content = picture(kind, (60, 30))
    if kind == "JPEG":
        image = Image.open(io.BytesIO(content))
        told = image.getexif()
        told[0x0112], told[0x010E] = 6, "CANARY of a place"  # lies on its side; a description
        out = io.BytesIO()
        image.save(out, "JPEG", exif=told)
        content = out.getvalue()
    file = attached(MAX, conversation, f"photo.{kind.lower()}", content)
    localaws.forget_requests()
    say(MAX, conversation, LOOK, [file])
    (call,) = localaws.requests("ConverseStream")
    assert sizes(call) == [(30, 60) if kind == "JPEG" else (60, 30)]
    (sent,) = blocks(call)
    assert b"CANARY" not in base64.b64decode(sent["source"]["bytes"])


@pytest.mark.django_db(transaction=True)
def test_a_picture_is_looked_at_by_whoever_sees_the_conversation_and_goes_with_it() -> None:
    conversation = conversation_for(MAX)
    file = attached(MAX, conversation, "Site.png", picture())
    say(MAX, conversation, LOOK, [file])
    page = f"/documents/{file}/pages/1/"
    seen = browser_of(MAX).get(page)
    assert (seen.status_code, seen["Content-Type"]) == (200, "image/jpeg")
    assert browser_of(MAX).get(f"/documents/{file}/").status_code == 200
    assert browser_of(CHARLIE).get(page).status_code == 404
    exported = api(MAX).get(f"{home(conversation)}export/?as=json").json()
    assert "Site.png" in json.dumps(exported)
    assert api(MAX).delete(home(conversation)).status_code == 204
    with entered(tenant_of(MAX)):
        objects_sweep()
        assert not Document.objects.filter(id=file).exists()
        assert [key for prefix in ("documents", "derived") for key in objects_list(prefix)
                if file in key] == []  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_what_is_no_picture_or_too_large_fails_with_its_reason() -> None:
    conversation = conversation_for(MAX)
    assert code_of(attach(MAX, conversation, "a.png", b"GIF89a nothing")) == "unsupported_type"
    for name, content, code in (
        ("cut.png", picture()[:120], "corrupt_file"),
        ("flood.png", flood(), "too_many_pixels"),
    ):
        answer = attach(MAX, conversation, name, content)
        assert answer.status_code == 201, answer.content
        document = ingested(answer.json()["id"], MAX)
        assert (document.status, document.error_code) == ("failed", code)
        refused = say(MAX, conversation, LOOK, [answer.json()["id"]])
        assert code_of(refused) == "attachment_failed"


def flood() -> bytes:
    """Return a small file that says it has a hundred million pixels."""
    whole = picture(size=(16, 16))
    header = b"IHDR" + (10_000).to_bytes(4, "big") * 2 + whole[24:29]
    return whole[:12] + header + zlib.crc32(header).to_bytes(4, "big") + whole[33:]


@pytest.mark.django_db(transaction=True)
def test_where_the_workspace_masks_no_picture_leaves_it(localaws: LocalAws) -> None:
    conversation = conversation_for(CHARLIE)
    refused = attach(CHARLIE, conversation, "Passport.png", picture())
    assert (refused.status_code, code_of(refused)) == (422, PictureNotMasked.code)
    assert "masks personal data" in refused.json()["title"] + refused.json().get("detail", "")
    with entered(tenant_of(CHARLIE)):
        assert not Document.objects.exists()
    # One that came before the posture was changed is not sent either, nor drawn.
    other = conversation_for(MAX)
    file = attached(MAX, other, "Passport.png", picture())
    regulate("acme")
    localaws.forget_requests()
    answer = say(MAX, other, LOOK, [file])
    assert PictureNotMasked.code in json.dumps(answer.json())
    assert not any(blocks(call) for call in others(localaws) if "messages" in call["body"])
    assert browser_of(MAX).get(f"/documents/{file}/pages/1/").status_code == 409


@pytest.mark.django_db(transaction=True)
def test_a_model_that_sees_serves_or_it_is_said_that_none_does(localaws: LocalAws) -> None:
    conversation = conversation_for(MAX)
    file = attached(MAX, conversation, "Site.png", picture())
    unsee(SMALL)
    localaws.forget_requests()
    answer = say(MAX, conversation, LOOK, [file]).json()
    (call,) = localaws.requests("ConverseStream")
    assert len(blocks(call)) == 1
    why = browser_of(MAX).get(f"/assistant/answers/{answer['id']}/why/")
    assert "the small model sees no pictures" in why.content.decode()
    unsee("anthropic.claude-sonnet-4-6")
    answer = say(MAX, conversation, LOOK, [file])
    assert PicturesUnseen.code in json.dumps(answer.json())
    assert code_of(attach(MAX, conversation, "b.png", picture(colour="red"))) == PicturesUnseen.code
    # What came earlier keeps nobody from asking on.
    assert said_in(MAX, conversation)[-1].error_code == PicturesUnseen.code
    assert say(MAX, conversation, "How many days of leave are there?").json()["error"] is None


@pytest.mark.django_db(transaction=True)
def test_a_call_has_a_bounded_number_of_pictures_the_questions_own_first(
    localaws: LocalAws,
) -> None:
    conversation = conversation_for(MAX)
    earlier = [
        attached(MAX, conversation, f"{at}.png", picture(size=(20 + at, 20)))
        for at in range(MOST_SEEN)
    ]
    say(MAX, conversation, LOOK, earlier)
    own = attached(MAX, conversation, "own.png", picture(size=(90, 20)))
    localaws.forget_requests()
    say(MAX, conversation, LOOK, [own])
    (call,) = localaws.requests("ConverseStream")
    assert len(sizes(call)) == MOST_SEEN
    assert sizes(call)[0] == (90, 20)
