"""Pages of the texts that Write made: the list, one with its versions side by side, its files."""

from collections.abc import Mapping
from urllib.parse import quote
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from assistant.difference import side_by_side
from assistant.errors import TextNotExportable, VersionUnknown
from assistant.exporting import plain_name, text_markdown
from assistant.models import WrittenText
from assistant.services import TITLE_CHARACTERS
from assistant.texts import (
    text_delete,
    text_of,
    text_rename,
    text_restore,
    texts_page_of,
    version_of,
    versions_of,
)
from assistant.wordfile import MEDIA_TYPE, word_file
from documents.citations import Citation
from documents.rendering import answer_html, viewer_address
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.context import Actor
from tenants.errors import Invalid, TenantryError
from tenants.seen import ChangedMeanwhile, seen_turn


@require_GET
@role_required("member")
def texts_page(request: HttpRequest) -> HttpResponse:
    """List the user's texts, those changed last first."""
    page = texts_page_of(actor_of(request), request.GET.get("at", ""))
    context = {"nav": "write", "texts": page.rows, **page.links()}
    return render(request, "assistant/texts.html", context)


@require_GET
@role_required("member")
def text_page(request: HttpRequest, text_id: UUID) -> HttpResponse:
    """Show a version of a text, and beside which other one it differs where."""
    actor = actor_of(request)
    return _text(request, actor, text_of(actor, text_id))


def _text(
    request: HttpRequest, actor: Actor, text: WrittenText, refused: TenantryError | None = None
) -> HttpResponse:
    """Show a text; `refused` is why it was not renamed to what the form gave."""
    versions = versions_of(actor, text)
    shown = version_of(actor, text, _number(request.GET.get("version")))
    against = _number(request.GET.get("against"))
    other = version_of(actor, text, against) if against is not None else None
    citations = [Citation(**each) for each in shown.citations]
    return render(
        request,
        "assistant/text.html",
        {
            "nav": "write",
            "text": text,
            "versions": list(reversed(versions)),
            "shown": shown,
            "newest": versions[-1].number,
            "other": other,
            "rows": side_by_side(other.content, shown.content) if other else [],
            "html": answer_html(shown.content, citations),
            "sources": [(each, viewer_address(each)) for each in citations],
            "title_limit": TITLE_CHARACTERS,
            "error": refused,
            "title_given": request.POST.get("title", "") if refused else "",
        },
        status=refused.status if refused else 200,
    )


@require_POST
@role_required("member")
def text_rename_submit(request: HttpRequest, text_id: UUID) -> HttpResponse:
    """Give a text another title, then show it; with the title as it was given where refused."""
    actor, title = actor_of(request), request.POST.get("title", "")
    try:
        with seen_turn(request.POST, f"text:{text_id}", lambda: [text_of(actor, text_id).title]):
            text_rename(actor=actor, text_id=text_id, title=title)
    except (Invalid, ChangedMeanwhile) as error:
        return _text(request, actor, text_of(actor, text_id), error)
    return redirect("text", text_id)


@require_POST
@role_required("member")
def text_restore_submit(request: HttpRequest, text_id: UUID) -> HttpResponse:
    """Make an earlier version the newest, then show it."""
    number = _number(request.POST.get("version"))
    newest, made = text_restore(actor=actor_of(request), text_id=text_id, number=number or 0)
    said = (
        _("Version %(number)s is back, as version %(made)s")
        if made
        else _("Version %(made)s is equal to version %(number)s already; nothing was changed")
    )
    messages.success(request, said % {"number": number, "made": newest.number})
    return redirect("text", text_id)


@require_POST
@role_required("member")
def text_delete_submit(request: HttpRequest, text_id: UUID) -> HttpResponse:
    """Delete a text, then show the rest."""
    text_delete(actor=actor_of(request), text_id=text_id)
    messages.success(request, _("The text was deleted"))
    return redirect("texts")


@require_GET
@role_required("member")
def text_export(request: HttpRequest, text_id: UUID) -> HttpResponse:
    """Return a version as a file."""
    return exported(actor_of(request), text_id, request.GET)


def exported(actor: Actor, text_id: UUID, given: Mapping[str, str]) -> HttpResponse:
    """Return a version of the actor's text as a download. Raises TextNotExportable."""
    text = text_of(actor, text_id)
    version = version_of(actor, text, _number(given.get("version")))
    kind = given.get("as", "markdown")
    body: str | bytes
    if kind == "markdown":
        body, media, ending = text_markdown(version), "text/markdown; charset=utf-8", "md"
    elif kind == "docx":
        body = word_file(text.title, version.content, version.citations)
        media, ending = MEDIA_TYPE, "docx"
    else:
        raise TextNotExportable
    response = HttpResponse(body, content_type=media)
    name = quote(plain_name(text.title, "text"), safe="")
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}.{ending}"
    return response


def _number(given: str | None) -> int | None:
    """Return a version's number. Raises VersionUnknown for what is none."""
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise VersionUnknown
    return int(given)
