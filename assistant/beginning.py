"""Begin a turn by one statement: its number, question, place of the answer, and lease."""

from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from django.utils.translation import gettext

from assistant.models import Conversation, Message, MessageRole, MessageStatus, Turn
from tenants.context import Actor
from tenants.errors import NotFound
from tenants.statements import rows_planned

# What RETURNING selects sees the row as it was: the branch that the turn goes on from.
COUNT: Final = """
    UPDATE assistant_conversation AS c SET turns = turns + 1, updated_at = now(), leaf = %s
     WHERE id = %s AND owner_id = %s
    RETURNING turns, title, coalesce(
        (SELECT b.leaf FROM assistant_conversation AS b WHERE b.id = c.id),
        (SELECT m.id FROM assistant_message AS m WHERE m.conversation_id = c.id
          ORDER BY m.position DESC LIMIT 1)) AS last
"""
ASK: Final = f"""
    WITH counted AS ({COUNT}), said AS (
        INSERT INTO assistant_message
               (id, conversation_id, parent_id, position, role, status, text, request_id,
                created_at, citations, steps, follow_ups, usage, grounded, stop_reason, error_code,
                error, rating, rating_reason, summary)
        SELECT n.id, %s, coalesce(n.parent, counted.last), 2 * counted.turns - n.before, n.role,
               n.status, n.text, n.request_id, now(), '[]', '[]', '[]', '{{}}', '', '', '', '', '',
               '', ''
          FROM counted, (VALUES (%s::uuid, NULL::uuid, 1, %s, %s, %s, NULL::uuid),
                                (%s::uuid, %s::uuid, 0, %s, %s, '', %s::uuid))
               AS n(id, parent, before, role, status, text, request_id)
    ), begun AS (
        INSERT INTO assistant_turn
               (id, conversation_id, answer_id, number, running, lease_until, started_at)
        SELECT %s, %s, %s, turns, true, now() + %s * interval '1 second', now()
          FROM counted
    )
    SELECT turns, title, last FROM counted
"""  # noqa: S608 - the parts are constants


def turn_asked(
    actor: Actor, conversation_id: UUID, text: str, lease: timedelta, question_id: UUID
) -> Turn:
    """Begin the turn of a question that goes on from the branch which is shown.

    Raises NotFound for a conversation that is not the actor's, and IntegrityError while it has a
    turn that runs, or a message has the question's id.
    """
    if actor.user_id is None:  # a conversation's owner is a person
        raise NotFound(gettext("There is no such conversation."))
    conversation = Conversation(id=conversation_id, owner_id=actor.user_id)
    question = Message(id=question_id, conversation=conversation, role=MessageRole.USER, text=text)
    answer = Message(
        conversation=conversation,
        parent=question,
        role=MessageRole.ASSISTANT,
        status=MessageStatus.STREAMING,
        request_id=uuid4(),
    )
    turn = Turn(conversation=conversation, answer=answer)
    found = rows_planned(
        ASK,
        [
            answer.id, conversation_id, actor.user_id,
            conversation_id,
            question.id, question.role, question.status, text,
            answer.id, question.id, answer.role, answer.status, answer.request_id,
            turn.id, conversation_id, answer.id, lease.total_seconds(),
        ],
    )  # fmt: skip
    if not found:
        raise NotFound(gettext("There is no such conversation."))
    conversation.turns, conversation.title, question.parent_id = found[0]
    conversation.leaf, turn.number = answer.id, conversation.turns
    question.position, answer.position = 2 * turn.number - 1, 2 * turn.number
    for row in (conversation, question, answer, turn):
        row._state.adding = False
    return turn
