"""The search page: results as one types, each leading to its passage."""

from typing import Any, Final
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from bedrock.gateway import mask
from search.filters import AGES, kinds_present, owners_present, scope_of
from search.selectors import (
    QUERY_CHARACTERS,
    collection_list,
    has_sources,
    results_of,
    search,
    search_typed,
)
from search.tagging import tags_known
from tenants.accounts.limits import TYPING, attempts_count_user
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.errors import TenantryError

SHOWN: Final = 20
# The filters by their names in the address.
FILTERS: Final = {
    "kind": "type",
    "collection": "collection",
    "owner": "owner",
    "added": "added",
    "tag": "tag",
}


@require_GET
@never_cache
@role_required("viewer")
def search_typed_results(request: HttpRequest) -> HttpResponse:
    """Show what the words typed so far find, before the whole search comes; 204 is nothing yet."""
    actor = actor_of(request)
    query = request.GET.get("q", "").replace("\x00", "").strip()
    if not query:
        return HttpResponse(status=204)
    if actor.user_id:
        attempts_count_user(TYPING, actor.user_id)
    found = search_typed(
        actor=actor, query=query, scope=scope_of(actor, **_filters(request)), limit=SHOWN
    )
    if not found.passages:
        return HttpResponse(status=204)
    context = {"query": query, "results": results_of(found, query), "typed": True}
    return render(request, "search/page.html#found", context)


def _filters(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET.get(given, "") for name, given in FILTERS.items()}


@require_GET
@never_cache  # page and fragment share an address: going back must not show the fragment alone
@role_required("viewer")
def search_page(request: HttpRequest) -> HttpResponse:
    """Show the field with its filters and what it finds; to htmx, what it finds alone."""
    actor = actor_of(request)
    query = request.GET.get("q", "").replace("\x00", "").strip()
    filters = _filters(request)
    context: dict[str, Any] = {"query": query, "limit": QUERY_CHARACTERS, "filters": filters}
    status = 200
    if query:
        try:
            context["request_id"] = request_id = uuid4()
            found = search(
                actor=actor,
                query=query,
                scope=scope_of(actor, **filters),
                limit=SHOWN,
                request_id=request_id,
                unfinished=True,
            )
            context |= {"results": results_of(found, query), "read_as": found.words.read_as}
            # What retrieval masked is remembered, so this asks nobody.
            [asked] = mask([query], actor=actor, feature="search", request_id=request_id)
            context["query_masked"] = asked != query
        except TenantryError as error:
            # Shown where results would be: what was typed stays, and may be typed on.
            context["error"], status = error, error.status
    if request.headers.get("HX-Request"):
        response = render(request, "search/page.html#found", context)
        if "results" in context:
            response["HX-Trigger"] = "usage:changed"
        return response
    context |= {
        "kinds": kinds_present(actor),
        "collections": collection_list(actor),
        "owners": owners_present(actor),
        "ages": AGES,
        "tags": tags_known(actor),
        "anything": has_sources(actor),
    }
    return render(request, "search/page.html", context, status=status)
