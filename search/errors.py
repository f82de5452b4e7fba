"""What can go wrong in searching."""

from django.utils.translation import gettext_lazy as _

from tenants.errors import Conflict, Forbidden, Invalid, NotFound


class QueryEmpty(Invalid):
    title = _("Type what you are looking for")


class QueryTooLong(Invalid):
    title = _("The query is too long; keep it within 1,000 characters")


class LimitOutOfRange(Invalid):
    title = _("The limit must be from 1 to 50")


class FilterUnknown(Invalid):
    code = "filter_unknown"
    title = _("There is nothing to filter by under this name; choose from the lists")


class SourceNotFound(NotFound):
    """A document in the scope is missing, not searchable yet, or invisible to the actor."""

    title = _("One of these documents does not exist in this workspace or is not searchable yet")


class CollectionNotFound(NotFound):
    title = _("There is no such collection in this workspace")


class MoveUnderWay(Conflict):
    code = "move_under_way"
    title = _("A move to another retrieval target is under way; let it finish first")


class MoveRefused(Conflict):
    code = "move_refused"
    title = _("The new retrieval target did not take one of the passages; the old one serves on")


class RegionMoveUnderWay(Conflict):
    """Another process is at it just now; nothing was done here."""

    code = "region_move_under_way"
    title = _("The workspace is being moved to another Region just now; let it finish first")


class CollectionExists(Conflict):
    code = "collection_exists"
    title = _("A collection of this name exists already; choose another name")


class CollectionNameWrong(Invalid):
    title = _("Give the collection a name of 1 to 120 characters")


class TagsWrong(Invalid):
    code = "tags_wrong"
    title = _("Give a document up to 20 tags of 1 to 40 characters each")


class CollectionReadOnly(Forbidden):
    """The actor may read the collection, and may not do this to it."""

    title = _("You may read this collection, not change it; ask its owner or an admin")


class CollectionNotEmpty(Conflict):
    """Deleting it would show its documents to the whole workspace."""

    code = "collection_not_empty"
    title = _(
        "This collection keeps documents to its members. Move them to another collection, or delete"
        " them, first"
    )


class MemberNotFound(NotFound):
    title = _("There is no such person to share with; choose an active user of this workspace")


class GroupNotFound(NotFound):
    title = _("There is no such group to share with; choose one of this workspace")
