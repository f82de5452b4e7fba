"""Pages around a conversation: pin, share, export, judge; and read what others share."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from assistant.access import conversation_of, conversation_shared_with
from assistant.attaching import attachment_keep
from assistant.errors import NotExportable
from assistant.exporting import conversation_json, conversation_markdown, file_name
from assistant.keeping import answer_rate, conversation_pin, conversation_share, rating_dict
from assistant.models import Conversation
from assistant.pages import readable, stretches_shown
from assistant.stretches import asked_for
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of


@require_POST
@role_required("viewer")
def conversation_pin_submit(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Pin the conversation, or unpin it, then show it."""
    pinned = request.POST.get("pinned") == "1"
    conversation_pin(actor=actor_of(request), conversation_id=conversation_id, pinned=pinned)
    return redirect("conversation", conversation_id)


@require_POST
@role_required("viewer")
def conversation_share_submit(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Share the conversation inside the workspace, or stop sharing, then show it."""
    shared = request.POST.get("shared") == "1"
    conversation_share(actor=actor_of(request), conversation_id=conversation_id, shared=shared)
    said = (
        _("Everybody in this workspace can read it now")
        if shared
        else _("Only you can read it now")
    )
    messages.success(request, said)
    return redirect("conversation", conversation_id)


@require_POST
@role_required("member")
def attachment_keep_submit(
    request: HttpRequest, conversation_id: UUID, attachment_id: UUID
) -> HttpResponse:
    """Make an attached file a document of the workspace, then show the conversation."""
    kept = attachment_keep(
        actor=actor_of(request), conversation_id=conversation_id, attachment_id=attachment_id
    )
    messages.success(request, _("“%(name)s” is among the documents now") % {"name": kept.name})
    return redirect("conversation", conversation_id)


@require_GET
@role_required("viewer")
def conversation_shared(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Show a conversation that somebody shares: the branch they show, to be read.

    Like its owner's page it begins with the newest messages, or with those about one.
    """
    actor = actor_of(request)
    conversation = conversation_shared_with(actor, conversation_id)
    view = asked_for(conversation, request.GET)
    stretches = stretches_shown(actor, view, reading=readable)
    context = {
        "nav": "assistant",
        "conversation": conversation,
        "view": view,
        "stretches": stretches,
        "gaps": any(stretch["before"] for stretch in stretches),
    }
    return render(request, "assistant/shared.html", context)


@require_GET
@role_required("viewer")
def conversation_export(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Return the conversation as a file: the shown branch in Markdown, or all of it in JSON."""
    conversation = conversation_of(actor_of(request), conversation_id)
    return exported(conversation, request.GET.get("as", "markdown"))


def exported(conversation: Conversation, kind: str) -> HttpResponse:
    """Return a conversation, whose reader was checked, as a download. Raises NotExportable."""
    if kind == "markdown":
        body, media, ending = conversation_markdown(conversation), "text/markdown", "md"
    elif kind == "json":
        body, media, ending = conversation_json(conversation), "application/json", "json"
    else:
        raise NotExportable
    response = HttpResponse(body, content_type=f"{media}; charset=utf-8")
    name = f"{file_name(conversation)}.{ending}"
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response


@require_POST
@role_required("viewer")
def answer_rate_submit(
    request: HttpRequest, conversation_id: UUID, message_id: UUID
) -> HttpResponse:
    """Keep a rating; the page's script sends it and stays."""
    message = answer_rate(
        actor=actor_of(request),
        conversation_id=conversation_id,
        message_id=message_id,
        rating=request.POST.get("rating", ""),
        reason=request.POST.get("reason", ""),
    )
    return JsonResponse(rating_dict(message))
