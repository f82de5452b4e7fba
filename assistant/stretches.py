"""Read a long conversation in stretches: its newest messages, those around one, those between.

The branch that is shown is walked by ids, from its last message to each one's parent; rows are read
of the messages alone that are returned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from assistant.access import id_of
from assistant.models import Conversation, Message
from tenants.errors import NotFound

FIRST: Final = 24  # messages that a page begins with: a screen and some
MORE: Final = 24
AROUND: Final = 8  # on either side of a message that a link leads to
# A branch whose last message is not stored is the newest one. A walk without limit has NULL.
BACK: Final = """
    WITH RECURSIVE back (id, parent_id, depth) AS (
        SELECT id, parent_id, 1 FROM assistant_message
         WHERE conversation_id = %(conversation)s AND id = coalesce(
            (SELECT m.id FROM assistant_message AS m
              WHERE m.id = %(last)s AND m.conversation_id = %(conversation)s),
            (SELECT m.id FROM assistant_message AS m
              WHERE m.conversation_id = %(conversation)s ORDER BY m.position DESC LIMIT 1))
        UNION ALL
        SELECT m.id, m.parent_id, depth + 1 FROM back JOIN assistant_message AS m
            ON m.id = back.parent_id WHERE %(most)s::int IS NULL OR depth < %(most)s
    )
    SELECT id, parent_id FROM back ORDER BY depth
"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Messages of a branch that follow one another, oldest first.

    `more`: others that are not on the page stand before these, or after what `after` returns.
    """

    messages: list[Message]
    more: bool


@dataclass(frozen=True, slots=True)
class View:
    """The stretches that a page begins with, oldest first, and each message's versions.

    `elsewhere` is the message that was looked for where it stands on another branch; `missing`: no
    such message is stored.
    """

    stretches: list[Stretch]
    versions: dict[UUID, list[UUID]]
    elsewhere: UUID | None = None
    missing: bool = False


def asked_for(conversation: Conversation, query: Mapping[str, str]) -> View:
    """Return what an address asks for: all, the messages about one, or the newest ones."""
    if "whole" in query:
        return whole(conversation)
    if "message" in query:
        return around(conversation, id_of(query["message"]))
    return newest(conversation)


def newest(conversation: Conversation) -> View:
    """Return the last messages of the branch that is shown; as many statements and rows always."""
    return _view(conversation, [_back(conversation, conversation.leaf, FIRST)])


def whole(conversation: Conversation) -> View:
    """Return all messages of the branch that is shown."""
    return _view(conversation, [_back(conversation, conversation.leaf)])


def around(conversation: Conversation, message_id: UUID | None) -> View:
    """Return the messages about one, and the last ones, which new ones follow.

    None stands for an id that is none.
    """
    path = _back(conversation, conversation.leaf)
    at = _place(path, message_id)
    if at is None:
        view = _view(conversation, [path[:FIRST]])
        stands = message_id is not None and conversation.messages.filter(id=message_id).exists()
        return replace(view, elsewhere=message_id if stands else None, missing=not stands)
    begin, end = max(0, at - AROUND), at + AROUND + 1
    runs = [path[begin:end], path[:FIRST]] if begin > FIRST else [path[: max(end, FIRST)]]
    return _view(conversation, runs)


def before(conversation: Conversation, message_id: UUID | None, until: UUID | None) -> View:
    """Return messages before one, not beyond `until`. Raises NotFound."""
    run = _back(conversation, message_id, MORE + 1)
    if not run or run[0].id != message_id:
        raise NotFound(_("There is no such message in this conversation."))
    run = run[1 : _place(run, until)]
    more = bool(run) and run[-1].parent_id not in {None, until}
    return _view(conversation, [run], more=more)


def after(conversation: Conversation, message_id: UUID | None, until: UUID | None) -> View:
    """Return messages between one and `until`, both on the shown branch. Raises NotFound."""
    path = _back(conversation, conversation.leaf)
    begin, end = _place(path, until), _place(path, message_id)
    if begin is None or end is None:
        raise NotFound(_("Another version of this conversation is shown now. Reload the page."))
    run = path[max(begin + 1, end - MORE) : end]
    return _view(conversation, [run], more=end - begin - 1 > MORE)


@dataclass(frozen=True, slots=True)
class _Step:
    id: UUID
    parent_id: UUID | None


def _back(conversation: Conversation, last: UUID | None, most: int | None = None) -> list[_Step]:
    """Return a branch from its last message back, `most` at most; one statement."""
    given = {"conversation": conversation.id, "last": last, "most": most}
    with connection.cursor() as cursor:
        cursor.execute(BACK, given)
        return [_Step(*row) for row in cursor.fetchall()]


def _place(path: Sequence[_Step], message_id: UUID | None) -> int | None:
    return next((at for at, step in enumerate(path) if step.id == message_id), None)


def _view(conversation: Conversation, runs: list[list[_Step]], *, more: bool | None = None) -> View:
    """Return the messages of these runs, each newest first; three statements, four with roots."""
    steps = [step for run in runs for step in run]
    found = Message.objects.filter(id__in=[step.id for step in steps])
    rows = {message.id: message for message in found.prefetch_related("actions")}
    stretches = [
        Stretch(
            [rows[step.id] for step in reversed(run) if step.id in rows],
            run[-1].parent_id is not None if more is None else more,
        )
        for run in runs
        if run
    ]
    return View(stretches, _versions(conversation, steps))


def _versions(conversation: Conversation, steps: list[_Step]) -> dict[UUID, list[UUID]]:
    """Return of each message its siblings and itself, oldest first."""
    parents = {step.parent_id for step in steps}
    messages = conversation.messages.order_by("position").values_list("id", "parent_id")
    rows = list(messages.filter(parent_id__in=[each for each in parents if each is not None]))
    if None in parents:
        rows += messages.filter(parent_id=None)
    siblings: dict[UUID | None, list[UUID]] = {}
    for one, parent in rows:
        siblings.setdefault(parent, []).append(one)
    return {one: own for own in siblings.values() for one in own}
