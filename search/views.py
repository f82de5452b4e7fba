"""The search page: results as one types, each leading to its passage."""

from typing import Any
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from bedrock.gateway import mask
from search.access import collection_of
from search.errors import CollectionNotFound
from search.retrieval import RetrievalScope
from search.selectors import (
    QUERY_CHARACTERS,
    collection_list,
    has_sources,
    kind_named,
    kinds_present,
    results_of,
    search,
)
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.context import Actor
from tenants.errors import TenantryError

SHOWN = 20


@require_GET
@never_cache  # page and fragment share an address: going back must not show the fragment alone
@role_required("viewer")
def search_page(request: HttpRequest) -> HttpResponse:
    """Show the field with its filters and what it finds; to htmx, what it finds alone."""
    actor = actor_of(request)
    query = request.GET.get("q", "").replace("\x00", "").strip()
    context: dict[str, Any] = {"query": query, "limit": QUERY_CHARACTERS}
    status = 200
    if query:
        try:
            context["request_id"] = request_id = uuid4()
            context["results"] = _results(actor, query, request.GET, request_id)
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
        "kind": request.GET.get("type", ""),
        "collections": collection_list(actor),
        "collection": request.GET.get("collection", ""),
        "anything": has_sources(actor),
    }
    return render(request, "search/page.html", context, status=status)


def _results(actor: Actor, query: str, given: Any, request_id: UUID) -> list[Any]:
    kind = kind_named(given.get("type", ""))
    scope = RetrievalScope(
        collection_ids=_collection_ids(actor, given.get("collection", "")),
        media_types=kind.media_types if kind else None,
    )
    found = search(actor=actor, query=query, scope=scope, limit=SHOWN, request_id=request_id)
    return results_of(found, query)


def _collection_ids(actor: Actor, given: str) -> frozenset[UUID] | None:
    """Return the collection of the address. Raises CollectionNotFound for what is none."""
    if not given:
        return None
    try:
        return frozenset({collection_of(actor, UUID(given)).id})
    except ValueError:
        raise CollectionNotFound from None
