"""Pictures along a branch, as a model is shown them: those of the question, then the newest."""

from collections.abc import Sequence
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from assistant.attached import Files
from assistant.errors import MOST_ATTACHED
from assistant.looping import Made, step_told
from assistant.runner import RunningTurn
from bedrock.gateway import PictureNotMasked, PicturesUnseen, picture_block, pictures_require
from documents.models import Document
from documents.prompts import contained
from documents.seeing import picture_image, pictures_attached
from tenants.context import current

MOST_SEEN: Final = MOST_ATTACHED  # pictures of one call; the service takes 20
NAME: Final = "look_at_pictures"


def pictures_seen(running: RunningTurn, made: Made, files: Files) -> None:
    """Give the answer the pictures that its model is to see, and tell that they were looked at.

    Where none can be sent, those of earlier messages are left out. Raises PictureNotMasked or
    PicturesUnseen for one of the question's own that has no text either.
    """
    wanted = [*files.own, *files.earlier]
    if not wanted:
        return
    found = {
        each.id: each
        for each in pictures_attached(running.actor, running.turn.conversation_id, wanted)
    }
    own = [found[each] for each in files.own if each in found]
    earlier = [found[each] for each in files.earlier if each in found]
    if not (own or earlier):
        return
    try:
        pictures_require(current())
    except (PictureNotMasked, PicturesUnseen):
        if any(not each.chunks for each in own):
            raise
        return
    shown = (own + earlier)[:MOST_SEEN]
    at = step_told(running, made, name=NAME, line=_("Looking at attached pictures"))
    made.pictures = _blocks(shown)
    line = ngettext(
        "Looked at %(count)s attached picture", "Looked at %(count)s attached pictures", len(shown)
    ) % {"count": len(shown)}
    step_told(running, made, name=NAME, line=line, at=at, status="done", found=len(shown))


def _blocks(pictures: Sequence[Document]) -> list[dict[str, Any]]:
    """Return the content blocks: each picture behind its name, which somebody else chose."""
    blocks: list[dict[str, Any]] = []
    for picture in pictures:
        text = f"<picture name={quoteattr(contained(picture.name))} />"
        blocks.append({"guardContent": {"text": {"text": text, "qualifiers": ["guard_content"]}}})
        blocks.append(picture_block(picture_image(picture)))
    return blocks
