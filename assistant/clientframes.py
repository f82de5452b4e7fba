"""What a client may send on a socket, read strictly."""

import json
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from assistant.errors import FRAME_BYTES, BadFrame
from tenants.liveframes import Frame

# Members of each type beside `type`, with what each must be.
MEMBERS: Final[dict[str, dict[str, type]]] = {
    "ask": {"text": str},
    "stop": {},
    "regenerate": {"message_id": str},
    "edit": {"message_id": str, "text": str},
    "confirm": {"action_id": str, "approve": bool},
    "resume": {"after": int},
}
# Members that a type may have beside those.
OPTIONAL: Final[dict[str, dict[str, type]]] = {
    "ask": {"thorough": bool, "attachment_ids": list, "question_id": str},
    "regenerate": {"thorough": bool},
    "edit": {"thorough": bool, "question_id": str},
}
MOST_SEQ: Final = 2**62  # beyond it no number is a frame's


def client_frame(text: str | None) -> Frame:
    """Return a client's frame. Raises BadFrame, saying what is wrong with it."""
    if text is None:
        raise BadFrame(_("Frames are JSON text; binary ones are not read."))
    if len(text) > FRAME_BYTES or len(text.encode()) > FRAME_BYTES:
        raise BadFrame(_("A frame holds at most %(most)s KB.") % {"most": FRAME_BYTES // 1024})
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFrame(_("This frame is not JSON.")) from error
    if not isinstance(frame, dict):
        raise BadFrame(_("A frame is a JSON object with a type."))
    kind = frame.get("type")
    wanted = MEMBERS.get(kind) if isinstance(kind, str) else None
    if wanted is None:
        raise BadFrame(_("The type is one of %(types)s.") % {"types": ", ".join(MEMBERS)})
    optional = OPTIONAL.get(str(kind), {})
    if not set(wanted) <= set(frame) - {"type"} <= {*wanted, *optional}:
        raise BadFrame(
            _("A frame %(kind)s has the members: %(members)s.")
            % {"kind": kind, "members": ", ".join(wanted) or _("none")}
        )
    members = {**wanted, **{name: optional[name] for name in optional if name in frame}}
    for name, kind_of in members.items():
        if type(frame[name]) is not kind_of:
            raise BadFrame(
                _("%(name)s must be a JSON %(kind)s.")
                % {"name": name, "kind": _JSON_NAMES[kind_of]}
            )
    _check_values(frame)
    return frame


_JSON_NAMES: Final = {str: "string", bool: "boolean", int: "integer", list: "array"}


def _check_values(frame: dict[str, Any]) -> None:
    for name in [name for name, value in frame.items() if isinstance(value, str)]:
        try:
            frame[name].encode()
        except UnicodeEncodeError as error:  # a lone surrogate, which JSON can write
            raise BadFrame(
                _("%(name)s holds half of a character. Delete it and try again.") % {"name": name}
            ) from error
    for name, of in (
        ("message_id", _("a message")),
        ("question_id", _("a message")),
        ("action_id", _("an action")),
    ):
        if name in frame:
            try:
                frame[name] = UUID(frame[name])
            except ValueError as error:
                raise BadFrame(
                    _("%(name)s must be the id of %(of)s.") % {"name": name, "of": of}
                ) from error
    if "attachment_ids" in frame:
        try:
            frame["attachment_ids"] = [UUID(each) for each in frame["attachment_ids"]]
        except (ValueError, TypeError, AttributeError) as error:
            raise BadFrame(_("attachment_ids must be the ids of attached files.")) from error
    if "after" in frame and not 0 <= frame["after"] <= MOST_SEQ:
        raise BadFrame(_("after must be the seq of a frame, or 0."))
