"""Pages: conversations, one conversation, and writing."""

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from assistant.access import answer_to_explain, conversation_of, id_of, message_in
from assistant.answering import answer
from assistant.errors import (
    INSTRUCTION_CHARACTERS,
    MESSAGE_CHARACTERS,
    TEXT_CHARACTERS,
    WRITE_DOCUMENTS,
    AttachmentFailed,
    AttachmentNotReady,
    MessageEmpty,
    MessageTooLong,
    NoSuchAttachment,
    TooManyAttached,
    TurnRunning,
)
from assistant.firststeps import first_steps
from assistant.models import Conversation, MessageRole
from assistant.pages import blank, files_of, grouped, starters, stretches_shown, why
from assistant.places import places_mark
from assistant.runner import turn_run, turn_stop
from assistant.selectors import (
    conversation_list,
    running_turn,
    shared_list,
    told_until,
)
from assistant.services import (
    TITLE_CHARACTERS,
    branch_choose,
    conversation_create,
    conversation_delete,
    conversation_rename,
    message_checked,
    thorough_checked,
    turn_begin,
)
from assistant.stretches import after, asked_for, before, newest
from assistant.writeprompts import TEMPLATES
from bedrock.errors import ChoiceNotInPlan, FeatureOff, FrontierOff
from bedrock.prompting import feature_require
from bedrock.routing import may_choose
from bedrock.selectors import capabilities
from documents.pages import Choices, ids_of
from tenants.accounts.models import role_reaches
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.context import Actor, current
from tenants.errors import Invalid, NotFound
from tenants.wording import grouped as figure

QUERY_CHARACTERS: Final = 200
ACTIONS: Final = {
    "summarize": gettext_lazy("Summarize"),
    "rewrite": gettext_lazy("Rewrite"),
    "draft": gettext_lazy("Draft"),
}
REFUSALS: Final = (
    MessageEmpty,
    MessageTooLong,
    NoSuchAttachment,
    TooManyAttached,
    AttachmentNotReady,
    AttachmentFailed,
    FeatureOff,
    FrontierOff,
    ChoiceNotInPlan,
)
# What a model is told, and what a person reads.
LANGUAGES: Final = (
    ("English", gettext_lazy("English")),
    ("German", gettext_lazy("German")),
    ("French", gettext_lazy("French")),
    ("Spanish", gettext_lazy("Spanish")),
    ("Italian", gettext_lazy("Italian")),
    ("Portuguese", gettext_lazy("Portuguese")),
    ("Dutch", gettext_lazy("Dutch")),
)


def _sidebar(
    actor: Actor, chosen: UUID | None = None, query: str = "", cursor: str = ""
) -> dict[str, Any]:
    page = conversation_list(actor, query, cursor, chosen)
    if query:
        places_mark(page.rows, query)
    return {
        "nav": "assistant",
        "query": query,
        "groups": grouped(page.rows),
        "newer": page.newer,
        "older": page.older,
        "shared": [] if query or page.newer else shared_list(actor),
        "chosen": chosen,
        "limit": MESSAGE_CHARACTERS,
        "limit_text": figure(MESSAGE_CHARACTERS),
        "title_limit": TITLE_CHARACTERS,
        "may_choose": may_choose(current(), "assistant"),
    }


@require_http_methods(["GET", "POST"])
@role_required("viewer")
def assistant_home(request: HttpRequest) -> HttpResponse:
    """List the conversations and begin one; its first answer is under way when its page opens."""
    actor = actor_of(request)
    if request.method == "POST":
        try:
            feature_require("assistant")
            text = message_checked(request.POST.get("text"))
            thorough_checked("thorough" in request.POST, "assistant")
        except REFUSALS as error:  # and no empty conversation is left behind
            messages.warning(request, error.detail)
            return redirect("assistant")
        conversation = conversation_create(actor=actor)
        return _asked(request, actor, conversation.id, text)
    listed = _sidebar(actor, cursor=request.GET.get("at", ""))
    questions = starters(actor)
    steps = first_steps(actor, documents=bool(questions), asked=bool(listed["groups"]))
    context = {**listed, "starters": questions, "first_steps": steps, "files": files_of(actor)}
    return render(request, "assistant/home.html", context)


def _asked(
    request: HttpRequest, actor: Actor, conversation_id: UUID, text: str | None
) -> HttpResponse:
    try:
        thorough = thorough_checked("thorough" in request.POST, "assistant")
        turn = turn_begin(
            actor=actor,
            conversation_id=conversation_id,
            text=text,
            attachment_ids=ids_of(request.POST.getlist("attachment")),
        )
    except (*REFUSALS, TurnRunning) as error:
        messages.warning(request, error.detail)
    else:
        turn_run(current(), actor, turn, answer, thorough=thorough)
    return redirect("conversation", conversation_id)


@require_http_methods(["GET", "POST"])
@role_required("viewer")
def conversation_page(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Show the conversation; POST is the composer of browsers without scripts."""
    actor = actor_of(request)
    conversation = conversation_of(actor, conversation_id)
    if request.method == "POST":
        return _asked(request, actor, conversation.id, request.POST.get("text"))
    return _conversation(request, actor, conversation)


def _conversation(
    request: HttpRequest, actor: Actor, conversation: Conversation, **more: Any
) -> HttpResponse:
    """Show the conversation; `error` is why it was not renamed to `title_given`."""
    running = running_turn(conversation.id)
    view = asked_for(conversation, request.GET)
    return render(
        request,
        "assistant/conversation.html",
        {
            **_sidebar(actor, conversation.id),
            "conversation": conversation,
            "files": files_of(actor, conversation.id),
            "may_keep": role_reaches(actor.role, "member"),
            "blank_file": {"state": "attached"},
            "view": view,
            "stretches": stretches_shown(actor, view),
            "running": running,
            "after": told_until(conversation, running),
            "starters": [] if view.stretches else starters(actor),
            "blank_user": blank(MessageRole.USER),
            "blank_answer": blank(MessageRole.ASSISTANT),
            "blank_action": {"state": "waiting"},
            **more,
        },
        status=more["error"].status if "error" in more else 200,
    )


@require_GET
@role_required("viewer")
def conversation_stretch(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Return messages that the page does not show yet: before one, or after one up to `until`."""
    actor = actor_of(request)
    conversation = conversation_of(actor, conversation_id)
    given = {name: id_of(request.GET[name]) for name in request.GET}
    until = given.get("until")
    if "after" in given:
        view = after(conversation, given["after"], until)
    elif "before" in given:
        view = before(conversation, given["before"], until)
    else:
        view = newest(conversation)
    context = {
        "conversation": conversation,
        "may_keep": role_reaches(actor.role, "member"),
        "stretches": stretches_shown(actor, view, until=until, down="after" in given),
    }
    return render(request, "assistant/_stretches.html", context)


@require_GET
@role_required("viewer")
def conversation_rows(request: HttpRequest) -> HttpResponse:
    """Return the list of conversations as it is now."""
    chosen = request.GET.get("chosen", "")
    query = request.GET.get("q", "").strip()[:QUERY_CHARACTERS]
    context = _sidebar(actor_of(request), query=query, cursor=request.GET.get("at", ""))
    context["chosen"] = id_of(chosen)
    return render(request, "assistant/_list.html", context)


@require_POST
@role_required("viewer")
def conversation_rename_submit(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Rename the conversation, then show it; with the title as it was given where it is refused."""
    actor, title = actor_of(request), request.POST.get("title", "")
    try:
        conversation_rename(actor=actor, conversation_id=conversation_id, title=title)
    except Invalid as error:
        conversation = conversation_of(actor, conversation_id)
        return _conversation(request, actor, conversation, error=error, title_given=title)
    return redirect("conversation", conversation_id)


@require_POST
@role_required("viewer")
def branch_choose_submit(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Show another version of a question or an answer, and what follows it."""
    given = request.POST.get("message_id", "")
    if id_of(given) is None:
        raise NotFound(_("There is no such message in this conversation."))
    actor = actor_of(request)
    try:
        branch_choose(actor=actor, conversation_id=conversation_id, message_id=given)
    except TurnRunning as error:
        messages.warning(request, error.detail)
    return redirect(message_in(conversation_id, given))


@require_POST
@role_required("viewer")
def conversation_delete_submit(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Delete the conversation, then show those that are left."""
    actor = actor_of(request)
    conversation_of(actor, conversation_id)
    turn_stop(conversation_id)
    conversation_delete(actor=actor, conversation_id=conversation_id)
    messages.success(request, _("Conversation deleted"))
    return redirect("assistant")


@require_GET
@role_required("viewer")
def answer_why(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """Return how an answer was made and what it cost."""
    message = answer_to_explain(actor_of(request), message_id)
    return render(request, "bedrock/_why.html", why(message))


@require_GET
@role_required("member")
def write_page(request: HttpRequest) -> HttpResponse:
    """Draft, rewrite or summarize; what the model cannot do is not offered."""
    choices = Choices.of(actor_of(request), request.GET, box="document_ids")
    if "find" in request.GET:
        return render(request, "documents/_choices.html", {"choices": choices})
    task = request.GET.get("task", "")
    if task not in ACTIONS:
        task = "summarize"
    return render(
        request,
        "assistant/write.html",
        {
            "nav": "write",
            "task": task,
            "tasks": [(kind, kind.capitalize()) for kind in ACTIONS],
            "action": ACTIONS[task],
            "choices": choices,
            "model": capabilities(),
            "may_choose": may_choose(current(), "write"),
            "languages": LANGUAGES,
            "templates": TEMPLATES,
            "text_limit": figure(TEXT_CHARACTERS),
            "instruction_limit": figure(INSTRUCTION_CHARACTERS),
            "document_limit": WRITE_DOCUMENTS,
        },
    )
