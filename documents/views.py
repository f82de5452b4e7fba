"""Pages: the list with uploads, the viewer, and questions."""

import json
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bedrock.embedding_rule import bulk_documents
from documents.access import document_of, documents_visible
from documents.errors import (
    BULK_AT_MOST,
)
from documents.pages import (
    ANY,
    STATES,
    Listing,
    ids_of,
    tags_given,
    upload_limits,
)
from documents.parsing.errors import BadName, NameTooLong
from documents.selectors import document_counts
from documents.selectors import document_list as document_list_of
from documents.services import (
    ACTIONS,
    document_delete,
    document_rename,
    document_retry,
    document_upload,
    documents_act,
    documents_tag,
)
from documents.uploading import direct_from, uploads_open
from documents.uploads import declared_size_check, sent_name, shown_name
from documents.viewerviews import document_shown
from search.access import collections_writable
from search.errors import TagsWrong
from search.selectors import collection_list
from search.tagging import tags_known
from tenants.accounts.models import role_reaches
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.errors import Conflict, TenantryError
from tenants.multipart import uploads_source
from tenants.seen import ChangedMeanwhile, seen_turn

LIVE_ROWS: Final = 100  # rows that one look at the states may ask for


@require_http_methods(["GET", "POST"])
@role_required("viewer")
def document_list(request: HttpRequest) -> HttpResponse:
    """List the documents; POST is the upload of browsers without scripts."""
    if request.method == "POST":
        return _upload(request)
    listing = Listing.of(request.GET)
    actor = actor_of(request)
    page, summary = listing.page(actor, request.GET.get("at", ""))
    may_write = role_reaches(actor.role, "member")
    direct = may_write and direct_from() > 0
    if direct:
        request.sends_to = uploads_source()  # type: ignore[attr-defined] # for the page's policy
    return render(
        request,
        "documents/list.html",
        {
            "nav": "documents",
            "documents": page.rows,
            "any": ANY,
            "listing": listing,
            "tabs": listing.tabs(document_counts(actor)),
            "columns": listing.columns(),
            "summary": summary,
            "newer": listing.address(at=page.newer) if page.newer else "",
            "older": listing.address(at=page.older) if page.older else "",
            "limits": upload_limits() if may_write else None,
            "direct": direct,
            "unfinished": uploads_open(actor) if direct else [],
            "may_write": may_write,
            "collections": collection_list(actor),
            "tags": tags_known(actor),
            "writable": collections_writable(actor),
            "bulk_at_most": BULK_AT_MOST,
        },
    )


@role_required("member")
def _upload(request: HttpRequest) -> HttpResponse:
    """Take each file of the form; say for each that is refused why."""
    declared_size_check(request.META.get("CONTENT_LENGTH"))
    taken = 0
    files = request.FILES.getlist("file")
    bulk = bulk_documents()
    collection = ids_of([request.POST.get("collection", "")])
    for file in files:
        try:
            document_upload(
                actor=actor_of(request),
                file=file.file,  # type: ignore[arg-type]
                name=sent_name(file),
                collection_id=collection[0] if collection else None,
                bulk=bulk is not None and len(files) >= bulk,
            )
            taken += 1
        except TenantryError as error:
            messages.error(request, f"{shown_name(file)}: {error.detail}", extra_tags="danger")
    if taken:
        messages.success(request, _("%(count)s uploaded") % {"count": taken})
    elif not request.FILES:
        messages.warning(request, _("Choose a file first"))
    return redirect("document_list")


@require_GET
@role_required("viewer")
def document_rows(request: HttpRequest) -> HttpResponse:
    """Return the table rows of the asked documents as they are now; deleted ones are missing."""
    actor = actor_of(request)
    wanted = ids_of(request.GET.getlist("id"))[:LIVE_ROWS]
    found = document_list_of(actor).filter(id__in=wanted)
    response = render(
        request,
        "documents/list.html#rows",
        {"documents": found, "may_write": role_reaches(actor.role, "member")},
    )
    counts = document_counts(actor)
    response["X-Counts"] = ",".join(str(counts[state or "all"]) for state in STATES)
    return response


@require_POST
@role_required("member")
def document_delete_submit(request: HttpRequest, document_id: UUID) -> HttpResponse:
    document_delete(actor=actor_of(request), document_id=document_id)
    if request.headers.get("HX-Request"):
        response = HttpResponse()
        toast = {"text": _("Document deleted"), "kind": "success"}
        response["HX-Trigger"] = json.dumps({"toast": toast})  # ASCII alone, as headers are
        return response
    messages.success(request, _("Document deleted"))
    return redirect("document_list")


@require_POST
@role_required("member")
def document_bulk_submit(request: HttpRequest) -> HttpResponse:
    """Do one of `ACTIONS` to the chosen documents; those that are gone are passed over.

    The address has what the list was asked for: it is shown again as it was.
    """
    query = request.GET.urlencode()
    listed = f"{reverse('document_list')}{'?' if query else ''}{query}"
    actor, action = actor_of(request), request.POST.get("action", "")
    wanted = ids_of(request.POST.getlist("document"))[:BULK_AT_MOST]
    there = list(documents_visible(actor).filter(id__in=wanted).values_list("id", flat=True))
    if action not in ACTIONS or not there:
        messages.warning(request, _("Choose documents that are still here"))
        return redirect(listed)
    collection = ids_of([request.POST.get("collection", "")])
    try:
        documents_act(
            actor=actor,
            action=action,
            document_ids=there,
            collection_ids=collection,
            tags=tags_given(request.POST.get("tags", "")),
        )
    except TagsWrong as error:
        messages.warning(request, error.detail)
        return redirect(listed)
    messages.success(request, _done(action, len(there)))
    return redirect(listed)


def _done(action: str, count: int) -> str:
    told = {
        "delete": ngettext("%(count)s document deleted", "%(count)s documents deleted", count),
        "move": ngettext("%(count)s document moved", "%(count)s documents moved", count),
        "tag": ngettext("%(count)s document tagged", "%(count)s documents tagged", count),
        "untag": ngettext("%(count)s document untagged", "%(count)s documents untagged", count),
    }
    return told[action] % {"count": count}


@require_POST
@role_required("member")
def document_tags_submit(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """Give the document the tags of the form, all of them, with commas between."""
    actor, typed = actor_of(request), request.POST.get("tags", "")

    def tags() -> list[Any]:
        document: Any = document_of(actor, document_id)  # with its tags
        return [document.tags]

    try:
        with seen_turn(request.POST, f"tags:{document_id}", tags):
            documents_tag(actor=actor, document_ids=[document_id], tags=tags_given(typed))
    except (ChangedMeanwhile, TagsWrong) as error:
        return document_shown(request, document_id, tags_error=error, tags_typed=typed)
    messages.success(request, _("Tags saved"))
    return redirect("document_view", document_id)


@require_POST
@role_required("member")
def document_rename_submit(request: HttpRequest, document_id: UUID) -> HttpResponse:
    actor = actor_of(request)
    name = request.POST.get("name", "")

    def held() -> list[str]:
        return [document_of(actor, document_id).name]

    try:
        with seen_turn(request.POST, f"name:{document_id}", held):
            renamed = document_rename(actor=actor, document_id=document_id, name=name)
    except (BadName, ChangedMeanwhile, NameTooLong) as error:
        return document_shown(request, document_id, error=error, name_given=name)
    except Conflict as error:
        messages.warning(request, error.detail)
        return redirect("document_view", document_id)
    messages.success(request, _("Renamed to “%(name)s”") % {"name": renamed.name})
    return redirect("document_view", document_id)


@require_POST
@role_required("member")
def document_replace_submit(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """Put another file in the document's place, and show how its reading goes."""
    declared_size_check(request.META.get("CONTENT_LENGTH"))
    actor = actor_of(request)
    document_of(actor, document_id)
    file = request.FILES.get("file")
    if file is None:
        messages.warning(request, _("Choose a file first"))
        return redirect("document_view", document_id)
    try:
        made = document_upload(
            actor=actor,
            file=file.file,  # type: ignore[arg-type]
            name=sent_name(file),
            replaces=document_id,
        )
    except TenantryError as error:
        messages.error(request, f"{shown_name(file)}: {error.detail}", extra_tags="danger")
        return redirect("document_view", document_id)
    messages.success(
        request,
        _("Version %(version)s uploaded; it is searched once it is ready")
        % {"version": made.version},
    )
    return redirect("document_view", made.id)


@require_POST
@role_required("member")
def document_retry_submit(request: HttpRequest, document_id: UUID) -> HttpResponse:
    document = document_retry(actor=actor_of(request), document_id=document_id)
    if request.headers.get("HX-Request"):
        context = {"documents": [document], "may_write": True}
        return render(request, "documents/list.html#rows", context)
    return redirect("document_view", document.id)
