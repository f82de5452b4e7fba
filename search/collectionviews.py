"""Pages of collections: all that one knows of, and one with its members."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from search.errors import GroupNotFound, MemberNotFound
from search.filing import (
    NAME_CHARACTERS,
    collection_change,
    collection_create,
    collection_delete,
    group_remove,
    group_set,
    member_remove,
    member_set,
)
from search.models import Right
from search.selectors import (
    collection_groups,
    collection_members,
    collection_overview,
    collection_shown,
    groups_to_add,
    users_to_add,
)
from tenants.accounts.models import role_reaches
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.errors import TenantryError
from tenants.seen import seen_turn


@require_http_methods(["GET", "POST"])
@role_required("viewer")
def collections_page(request: HttpRequest) -> HttpResponse:
    """List the collections; POST makes one."""
    if request.method == "POST":
        return _create(request)
    return _list(request)


def _list(request: HttpRequest, **more: Any) -> HttpResponse:
    actor = actor_of(request)
    context = {
        "nav": "documents",
        "collections": collection_overview(actor),
        "may_write": role_reaches(actor.role, "member"),
        "name_characters": NAME_CHARACTERS,
        **more,
    }
    status = more["error"].status if "error" in more else 200
    return render(request, "search/collections.html", context, status=status)


@role_required("member")
def _create(request: HttpRequest) -> HttpResponse:
    name, closed = request.POST.get("name", ""), request.POST.get("access") == "members"
    try:
        made = collection_create(actor=actor_of(request), name=name, open=not closed)
    except TenantryError as error:
        return _list(request, error=error, name=name, closed=closed)
    messages.success(request, _("Collection “%(name)s” made") % {"name": made.name})
    return redirect("collection", made.id)


@require_http_methods(["GET", "POST"])
@role_required("viewer")
def collection_page(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """Show a collection with its members; POST renames, opens or closes it."""
    if request.method == "POST":
        return _change(request, collection_id)
    return _one(request, collection_id)


def _one(request: HttpRequest, collection_id: UUID, **more: Any) -> HttpResponse:
    collection = collection_shown(actor_of(request), collection_id)
    context = {
        "nav": "documents",
        "collection": collection,
        "members": collection_members(collection),
        "others": users_to_add(collection),
        "groups": collection_groups(collection),
        "other_groups": groups_to_add(collection),
        "rights": Right.choices,
        "name_characters": NAME_CHARACTERS,
        **more,
    }
    status = more["error"].status if "error" in more else 200
    return render(request, "search/collection.html", context, status=status)


@role_required("member")
def _change(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    access = request.POST.get("access")

    def held() -> list[Any]:
        known = collection_shown(actor_of(request), collection_id)
        return [known.name, known.open]

    try:
        with seen_turn(request.POST, f"collection:{collection_id}", held):
            collection_change(
                actor=actor_of(request),
                collection_id=collection_id,
                name=request.POST.get("name"),
                open=None if access is None else access != "members",
            )
    except TenantryError as error:
        if error.status not in (400, 409):
            raise
        return _one(request, collection_id, error=error, typed=request.POST)
    messages.success(request, _("Collection saved"))
    return redirect("collection", collection_id)


@require_POST
@role_required("member")
def collection_delete_submit(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    try:
        collection_delete(actor=actor_of(request), collection_id=collection_id)
    except TenantryError as error:
        if error.status != 409:
            raise
        return _one(request, collection_id, error=error)
    messages.success(request, _("Collection deleted; its documents are kept"))
    return redirect("collections")


@require_POST
@role_required("member")
def member_set_submit(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """Share with a user, or change what a member may do."""
    actor = actor_of(request)
    try:
        user_id, right = UUID(request.POST.get("user", "")), Right(request.POST.get("right", ""))
    except ValueError:
        collection_shown(actor, collection_id)
        raise MemberNotFound from None
    member_set(actor=actor, collection_id=collection_id, user_id=user_id, right=right)
    messages.success(request, _("Members saved"))
    return redirect("collection", collection_id)


@require_POST
@role_required("member")
def member_remove_submit(request: HttpRequest, collection_id: UUID, user_id: UUID) -> HttpResponse:
    actor = actor_of(request)
    member_remove(actor=actor, collection_id=collection_id, user_id=user_id)
    if not collection_overview(actor).filter(id=collection_id).exists():
        return redirect("collections")
    messages.success(request, _("No longer shared with them"))
    return redirect("collection", collection_id)


@require_POST
@role_required("member")
def group_set_submit(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """Share with a group, or change what its people may do."""
    actor = actor_of(request)
    try:
        group_id, right = UUID(request.POST.get("group", "")), Right(request.POST.get("right", ""))
    except ValueError:
        collection_shown(actor, collection_id)
        raise GroupNotFound from None
    group_set(actor=actor, collection_id=collection_id, group_id=group_id, right=right)
    messages.success(request, _("Groups saved"))
    return redirect("collection", collection_id)


@require_POST
@role_required("member")
def group_remove_submit(request: HttpRequest, collection_id: UUID, group_id: UUID) -> HttpResponse:
    actor = actor_of(request)
    group_remove(actor=actor, collection_id=collection_id, group_id=group_id)
    if not collection_overview(actor).filter(id=collection_id).exists():
        return redirect("collections")
    messages.success(request, _("No longer shared with the group"))
    return redirect("collection", collection_id)
