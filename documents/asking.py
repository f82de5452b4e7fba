"""A question that is answered beside its request, which tells of it as server-sent events."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias
from uuid import uuid4

from django.db import connection
from django.http import HttpRequest, StreamingHttpResponse

from documents.ask import Answer, Telling, ask
from search.retrieval import RetrievalScope
from tenants.aside import work_aside
from tenants.context import Actor, current
from tenants.errors import TenantryError
from tenants.foreseen import error_members, foreseen
from tenants.sse import event_stream

DECIDED_WITHIN: Final = 5.0  # seconds in which a refusal still becomes an HTTP status

Members: TypeAlias = Mapping[str, Any]


def asked_aside(
    request: HttpRequest,
    *,
    actor: Actor,
    question: str,
    scope: RetrievalScope,
    finished: Callable[[Answer], Members],
    failed: Callable[[TenantryError], Members] = error_members,
    refuses: bool = True,
) -> StreamingHttpResponse:
    """Answer with the frames of `Telling`, then `finished` or `error` with the members given.

    Where it `refuses`, what is wrong before the passages are found is raised, as without events. A
    client that leaves stops the answer.
    """
    telling = Telling()
    wrong: list[TenantryError] = []

    def work() -> None:
        try:
            answer = ask(
                actor=actor,
                question=question,
                scope=scope,
                request_id=uuid4(),  # never a client's: a repeated one would be counted once
                telling=telling,
            )
            telling.frames.send("finished", **finished(answer))
        except Exception as error:  # the reader must hear of it, whatever it is
            wrong.append(foreseen(error))
            telling.frames.send("error", **failed(wrong[0]))
        finally:
            telling.begun.set()
            telling.frames.finish()

    work_aside(current(), work)
    connection.close()  # not held while it waits
    if refuses:
        telling.begun.wait(DECIDED_WITHIN)
        if wrong and not telling.shown:
            raise wrong[0]
    return event_stream(request, telling.frames, gone=telling.cancelled.set)
