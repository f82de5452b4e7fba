"""Pictures as content of a call: what is sent, and what is reckoned without them.

A picture stands in a `guardContent` block, so that the guardrail's content filters look at it like
at the texts beside it; those blocks take PNG and JPEG alone.
https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-mmfilter.html
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bedrock.calls import Json

PICTURES_AT_ONCE: Final = 20  # of one call: the service's own limit


def picture_block(image: bytes) -> Json:
    """Return the content block of a JPEG."""
    return {"guardContent": {"image": {"format": "jpeg", "source": {"bytes": image}}}}


def is_picture(block: Mapping[str, Any]) -> bool:
    """Return whether a content block is a picture, guarded or not."""
    return "image" in block or "image" in block.get("guardContent", {})


def pictures_in(messages: Sequence[Json]) -> int:
    """Return how many pictures a call sends."""
    return sum(is_picture(block) for message in messages for block in message["content"])


def without_pictures(messages: Sequence[Json]) -> list[Json]:
    """Return the messages without their pictures: what is reckoned by its characters."""
    return [
        {**message, "content": [block for block in message["content"] if not is_picture(block)]}
        for message in messages
    ]
