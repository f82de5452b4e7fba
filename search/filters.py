"""What a search can be kept to: the kind of document, who added it, and when."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from search.access import collection_of, sources_visible
from search.errors import CollectionNotFound, FilterUnknown
from search.retrieval import RetrievalScope
from tenants.accounts.models import User
from tenants.context import Actor

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of document that one can filter by, in a person's words."""

    key: str
    label: "StrOrPromise"
    icon: str
    media_types: frozenset[str]


KINDS: Final = (
    Kind("pdf", "PDF", "file-pdf", frozenset({"application/pdf"})),
    Kind(
        "word",
        "Word",
        "file-word",
        frozenset({"application/vnd.openxmlformats-officedocument.wordprocessingml.document"}),
    ),
    Kind(
        "slides",
        _("Slides"),
        "file-slides",
        frozenset({"application/vnd.openxmlformats-officedocument.presentationml.presentation"}),
    ),
    Kind(
        "table",
        _("Table"),
        "file-table",
        frozenset(
            {"text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
        ),
    ),
    Kind("mail", _("E-mail"), "file-mail", frozenset({"message/rfc822"})),
    Kind("web", _("Web page"), "file-code", frozenset({"text/html"})),
    Kind("markdown", "Markdown", "file-text", frozenset({"text/markdown"})),
    Kind("text", _("Text"), "file-text", frozenset({"text/plain"})),
    Kind(
        "picture",
        _("Picture"),
        "file-image",
        frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"}),
    ),
)
OTHER: Final = Kind("other", _("Other"), "file", frozenset())
_KIND_OF: Final = {media_type: kind for kind in KINDS for media_type in kind.media_types}


@dataclass(frozen=True, slots=True)
class Age:
    """How long ago a document was added at most."""

    key: str
    label: "StrOrPromise"
    days: int


AGES: Final = (
    Age("day", _("Past 24 hours"), 1),
    Age("week", _("Past week"), 7),
    Age("month", _("Past month"), 30),
    Age("year", _("Past year"), 365),
)


def kind_of(media_type: str) -> Kind:
    """Return the kind that documents of this media type are of."""
    return _KIND_OF.get(media_type, OTHER)


def kinds_present(actor: Actor) -> list[Kind]:
    """Return the kinds of document that the actor may read."""
    there = set(sources_visible(actor).order_by().values_list("media_type", flat=True).distinct())
    return [kind for kind in KINDS if kind.media_types & there]


def owners_present(actor: Actor) -> QuerySet[User]:
    """Return who added documents that the actor may read, by name."""
    adding = sources_visible(actor).order_by().values("owner_id")
    return User.objects.filter(id__in=adding).order_by("name", "email")


def media_types_of(kinds: list[str]) -> frozenset[str]:
    """Return the media types of kinds by their keys. Raises FilterUnknown."""
    known = {kind.key: kind.media_types for kind in KINDS}
    if not known.keys() >= set(kinds):
        raise FilterUnknown
    return frozenset().union(*(known[key] for key in kinds))


def scope_of(
    actor: Actor,
    *,
    kind: str = "",
    collection: str = "",
    owner: str = "",
    added: str = "",
    tag: str = "",
) -> RetrievalScope:
    """Return the scope that the page's filters say; an empty one filters nothing.

    Raises CollectionNotFound, and FilterUnknown for anything else that names nothing.
    """
    age = next((age for age in AGES if age.key == added), None)
    if added and age is None:
        raise FilterUnknown
    return RetrievalScope(
        collection_ids=_collection(actor, collection),
        media_types=media_types_of([kind]) if kind else None,
        owner_ids=_owner(owner),
        tags=frozenset({tag.replace("\x00", "")}) if tag else None,
        added_from=timezone.now() - timedelta(days=age.days) if age else None,
    )


def _collection(actor: Actor, given: str) -> frozenset[UUID] | None:
    if not given:
        return None
    try:
        return frozenset({collection_of(actor, UUID(given)).id})
    except ValueError:
        raise CollectionNotFound from None


def _owner(given: str) -> frozenset[UUID] | None:
    if not given:
        return None
    try:
        return frozenset({UUID(given)})
    except ValueError:
        raise FilterUnknown from None
