"""What can go wrong in searching."""

from tenants.errors import Conflict, Forbidden, Invalid, NotFound


class QueryEmpty(Invalid):
    title = "Type what you are looking for"


class QueryTooLong(Invalid):
    title = "The query is too long; keep it within 1,000 characters"


class LimitOutOfRange(Invalid):
    title = "The limit must be from 1 to 50"


class FilterUnknown(Invalid):
    code = "filter_unknown"
    title = "There is nothing to filter by under this name; choose from the lists"


class SourceNotFound(NotFound):
    """A document in the scope is missing, not searchable yet, or invisible to the actor."""

    title = "One of these documents does not exist in this workspace or is not searchable yet"


class CollectionNotFound(NotFound):
    title = "There is no such collection in this workspace"


class MoveUnderWay(Conflict):
    code = "move_under_way"
    title = "A move to another retrieval target is under way; let it finish first"


class MoveRefused(Conflict):
    code = "move_refused"
    title = "The new retrieval target did not take one of the passages; the old one serves on"


class CollectionExists(Conflict):
    code = "collection_exists"
    title = "A collection of this name exists already; choose another name"


class CollectionNameWrong(Invalid):
    title = "Give the collection a name of 1 to 120 characters"


class TagsWrong(Invalid):
    code = "tags_wrong"
    title = "Give a document up to 20 tags of 1 to 40 characters each"


class CollectionReadOnly(Forbidden):
    """The actor may read the collection, and may not do this to it."""

    title = "You may read this collection, not change it; ask its owner or an admin"


class CollectionNotEmpty(Conflict):
    """Deleting it would show its documents to the whole workspace."""

    code = "collection_not_empty"
    title = (
        "This collection keeps documents to its members. Move them to another collection, or delete"
        " them, first"
    )


class MemberNotFound(NotFound):
    title = "There is no such person to share with; choose an active user of this workspace"


class GroupNotFound(NotFound):
    title = "There is no such group to share with; choose one of this workspace"
