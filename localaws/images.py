"""Image blocks: what the service refuses of them, and what they count.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html: 20 images,
each of 3.75 MB and 8,000 pixels a side at most, in the role `user` alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from localaws.catalog import FoundationModel
from localaws.errors import invalid
from localaws.wire import Json

MOST = 20
BYTES = 3_932_160  # 3.75 MB
SIDE = 8_000  # pixels
_PER_TOKEN = 750  # pixels: how Claude's documentation reckons
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")


@dataclass(frozen=True)
class Seen:
    """An image as its own header tells of it."""

    format: str
    width: int
    height: int
    digest: str

    @property
    def tokens(self) -> int:
        """What it counts of a request's input."""
        return math.ceil(self.width * self.height / _PER_TOKEN)


def image_of(block: Json) -> Json | None:
    """The image of a content block, guarded or not."""
    found = block.get("image") or block.get("guardContent", {}).get("image")
    return found if isinstance(found, dict) else None


def images(content: list[Json]) -> Iterator[Json]:
    """The images of a message, those that tools brought among them."""
    for block in content:
        if (image := image_of(block)) is not None:
            yield image
        for part in block.get("toolResult", {}).get("content", []):
            if "image" in part:
                yield part["image"]


def check_images(params: Json, model: FoundationModel) -> None:
    """Refuse images that the service refuses: whose, how many, how large, and whether they are."""
    count = 0
    for message in params.get("messages") or []:
        for image in images(message.get("content", [])):
            count += 1
            if "IMAGE" not in model.input:
                raise invalid("This model doesn't support the image content block that you "
                              "provided.")  # fmt: skip
            if message.get("role") != "user":
                raise invalid("Images are supported in messages of the role user only.")
            seen(image)
    if count > MOST:
        raise invalid(f"The request has {count} images; at most {MOST} are supported.")


def seen(image: Json) -> Seen:
    """Read an image's header; ValidationException where it is not what it is said to be."""
    source = image.get("source") or {}
    if "bytes" not in source:
        raise invalid("The local AWS reads images from `bytes` alone, not from S3.")
    data = decoded(source["bytes"])
    if len(data) > BYTES:
        raise invalid(f"The image exceeds the maximum size of {BYTES} bytes.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its pixels, which are bounded below
            with Image.open(io.BytesIO(data), formats=_FORMATS) as found:
                kind, (width, height) = str(found.format).lower(), found.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise invalid("Could not process image.") from None
    if kind != image.get("format"):
        raise invalid(
            f"The image was specified as {image.get('format')}, but appears to be {kind}."
        )
    if max(width, height) > SIDE:
        raise invalid(f"The image's dimensions exceed the maximum of {SIDE} pixels a side.")
    return Seen(kind, width, height, hashlib.sha256(data).hexdigest())


def decoded(value: str | bytes) -> bytes:
    """An image's bytes, which travel as base64."""
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise invalid("The image's bytes are not base64.") from None
