"""End a turn by one statement: its answer, the lease, a name, and the last call's settlement."""

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final
from uuid import UUID

from django.db import DatabaseError

from assistant.models import MessageStatus, Turn
from assistant.shapes import citation_dict, conflict_dict
from billing.selectors import USED
from billing.settlement import (
    AFTER_SETTLED,
    SETTLED,
    settlement_write,
    settlements_taken,
    settlements_wait,
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
END_SETTLED: Final = tuple(f"WITH {each}, " + END.format(turn=AFTER_SETTLED) for each in SETTLED)


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

    The settlements that wait, if any do, are written in it, before. Returns what the request
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
    riders = settlements_taken()
    try:
        used = _ended(riders, values)
    except BaseException as failed:
        if not riders:
            raise
        settlements_wait(riders)
        if not isinstance(failed, DatabaseError) or isinstance(failed, PASSING):
            raise
        settlement_write()  # what is wrong with one costs nobody their answer
        return _ended([], values)
    if used is None:
        settlements_wait(riders)  # where no turn was found, nothing may have asked for them
    return used


def _ended(riders: Sequence[list[Any]], values: list[Any]) -> dict[str, Any] | None:
    statement = END_SETTLED[len(riders) - 1] if riders else END_ALONE
    found = rows_planned(statement, [*chain(*riders), *values])
    return json.loads(found[0][0]) if found else None
