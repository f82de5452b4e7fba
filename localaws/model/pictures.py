"""What this model can truly say of images: what their headers tell. It does not see them."""

from __future__ import annotations

from localaws.images import Seen

BLIND = "I am a small local model and do not see what is in it."
BLIND_TO_ALL = "I am a small local model and do not see what is in them."


def told(images: list[Seen]) -> str:
    """One sentence for each image, and that it was not seen."""
    several = len(images) > 1
    lines = [
        f"{_which(at, several=several)} a {image.format.upper()} of {image.width} \u00d7 "
        f"{image.height} pixels."
        for at, image in enumerate(images, start=1)
    ]
    return " ".join([*lines, BLIND_TO_ALL if several else BLIND])


def _which(at: int, *, several: bool) -> str:
    return f"Image {at} is" if several else "The image is"
