"""The page of questions: an answer comes as events with the steps that lead to it, or as a page."""

from typing import Any
from uuid import uuid4

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_http_methods

from documents.ask import Answer, ask, question_checked
from documents.asking import asked_aside
from documents.errors import CHOSEN_DOCUMENTS, QUESTION_CHARACTERS, TooManyChosen
from documents.pages import Choices, answer_context, ids_of, suggestions
from search.retrieval import RetrievalScope
from search.selectors import collection_list
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.errors import TenantryError
from tenants.liveframes import LiveFrames
from tenants.sse import MEDIA_TYPE, event_stream

ANSWER = "documents/ask.html#answer"


@require_http_methods(["GET", "POST"])
@role_required("viewer")
def ask_page(request: HttpRequest) -> HttpResponseBase:
    """Ask everything or chosen documents.

    To the page's script the answer comes as events, of which the last has it as HTML; without
    scripts the whole page comes with it.
    """
    if request.method == "POST" and MEDIA_TYPE in request.headers.get("Accept", ""):
        return _told(request)
    given = request.POST if request.method == "POST" else request.GET
    context: dict[str, Any] = {"nav": "documents", "question": given.get("question", "")}
    status = 200
    if request.method == "POST":
        try:
            context["question"] = question_checked(context["question"])
            answer = ask(
                actor=actor_of(request),
                question=context["question"],
                scope=_scope(request),
                request_id=uuid4(),
            )
            context |= answer_context(answer)
        except TenantryError as error:
            # Shown beside the question, which the reader keeps; the status stays the error's.
            context["error"], status = error, error.status
    return _page(request, context, status)


def _scope(request: HttpRequest) -> RetrievalScope:
    chosen = ids_of(request.POST.getlist("document"))
    if len(chosen) > CHOSEN_DOCUMENTS:
        raise TooManyChosen
    collection = ids_of([request.POST.get("collection", "")])
    return RetrievalScope(
        document_ids=frozenset(chosen) if chosen else None,
        collection_ids=frozenset(collection) if collection else None,
    )


def _told(request: HttpRequest) -> HttpResponseBase:
    """Answer with events; what is refused is one too, to stand beside its question."""
    question = request.POST.get("question", "")

    def shown(**context: Any) -> dict[str, Any]:
        return {"html": render_to_string(ANSWER, {"question": question, **context})}

    def finished(answer: Answer) -> dict[str, Any]:
        context = answer_context(answer)
        return {"said": str(context["grounded"]["label"]), **shown(**context)}

    def failed(error: TenantryError) -> dict[str, Any]:
        return {"said": error.detail, **shown(error=error)}

    try:
        question, scope = question_checked(question), _scope(request)
    except TenantryError as error:
        frames = LiveFrames()
        frames.send("error", **failed(error))
        frames.finish()
        return event_stream(request, frames)
    return asked_aside(
        request,
        actor=actor_of(request),
        question=question,
        scope=scope,
        finished=finished,
        failed=failed,
        refuses=False,
    )


def _page(request: HttpRequest, context: dict[str, Any], status: int) -> HttpResponse:
    """Show the form with what may be asked, or to its chooser the documents alone."""
    actor = actor_of(request)
    given = request.POST if request.method == "POST" else request.GET
    chosen = ids_of(given.getlist("document"))
    collection = ids_of([given.get("collection", "")])
    collections = list(collection_list(actor))
    inside = next((each for each in collections if each.id in collection), None)
    choices = Choices.of(
        actor, given, box="document", collections=[inside.id] if inside is not None else []
    )
    if "find" in request.GET:
        return render(request, "documents/_choices.html", {"choices": choices})
    context |= {
        "choices": choices,
        "collections": collections,
        "collection": inside,
        "limit": QUESTION_CHARACTERS,
        "suggestions": suggestions(choices.documents, chosen),
    }
    return render(request, "documents/ask.html", context, status=status)
