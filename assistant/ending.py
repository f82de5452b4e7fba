"""End a turn by one statement: its answer, the lease, a name, and the last call's settlement."""

import json
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.db import DatabaseError

from assistant.models import MessageStatus, Turn
from assistant.shapes import citation_dict, conflict_dict
from billing.selectors import USED
from billing.settlement import (
    AFTER_SETTLED,
    SETTLED,
    settlement_taken,
    settlement_waits,
    settlement_write,
)
from documents.citations import Citation
from documents.conflicts import Conflict
from tenants.context import current
from tenants.foreseen import PASSING
from tenants.statements import rows_planned

END: Final = f"""
    ended AS (
        UPDATE assistant_turn SET running = false, finished_at = now()
         WHERE id = {{turn}} AND running RETURNING answer_id, conversation_id
    ), named AS (
        UPDATE assistant_conversation AS c SET title = %s
          FROM ended WHERE c.id = ended.conversation_id AND c.title = '' AND %s
    )
    UPDATE assistant_message AS m
       SET status = %s, text = %s, citations = %s::jsonb, grounded = %s, stop_reason = %s,
           error_code = %s, error = %s, steps = %s::jsonb, follow_ups = %s::jsonb,
           conflicts = %s::jsonb, usage = CASE WHEN %s THEN {USED} ELSE '{{{{}}}}'::jsonb END
      FROM ended WHERE m.id = ended.answer_id RETURNING m.usage
"""  # noqa: S608 - the parts are constants
END_ALONE: Final = "WITH " + END.format(turn="%s")
END_SETTLED: Final = f"WITH {SETTLED}, " + END.format(turn=AFTER_SETTLED)


def turn_end(
    turn: Turn,
    *,
    status: MessageStatus,
    text: str,
    citations: Sequence[Citation] = (),
    grounded: str = "",
    stop_reason: str = "",
    error_code: str = "",
    error: str = "",
    metered: UUID | None = None,
    title: str = "",
    steps: Sequence[dict[str, Any]] = (),
    follow_ups: Sequence[str] = (),
    conflicts: Sequence[Conflict] = (),
) -> dict[str, Any] | None:
    """Store the finished answer and give the lease back; one statement.

    The settlement that waits, if one does, is written in it, before. Returns what the request
    `metered` has used, by the ledger, which is stored with the answer; None if the lease was lost.
    `title` names a conversation that has no name yet.
    """
    values: list[Any] = [
        turn.id,
        title,
        bool(title),
        status,
        text,
        json.dumps([citation_dict(citation) for citation in citations]),
        grounded,
        stop_reason,
        error_code,
        error,
        json.dumps(list(steps)),
        json.dumps(list(follow_ups)),
        json.dumps([conflict_dict(conflict) for conflict in conflicts]),
        metered is not None,
        current().id,
        metered,
    ]
    rider = settlement_taken()
    try:
        used = _ended(rider, values)
    except BaseException as failed:
        if rider is None:
            raise
        settlement_waits(rider)
        if not isinstance(failed, DatabaseError) or isinstance(failed, PASSING):
            raise
        settlement_write()  # what is wrong with it costs nobody their answer
        return _ended(None, values)
    if used is None and rider is not None:
        settlement_waits(rider)  # where no turn was found, nothing may have asked for it
    return used


def _ended(rider: list[Any] | None, values: list[Any]) -> dict[str, Any] | None:
    found = rows_planned(END_ALONE if rider is None else END_SETTLED, [*(rider or ()), *values])
    return json.loads(found[0][0]) if found else None
