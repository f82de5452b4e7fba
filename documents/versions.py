"""A document's versions: one file in place of another, of which one is searched at a time.

Each version is a `Document` of its own, so a citation, which names a document, keeps naming the
text that it quotes. Versions of one document share `series`, the first one's id. The newest one
that is ready is current; those before it have `replaced_at`, are not retrieved, and stay readable.
"""

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias
from uuid import UUID

from django.db import connection
from django.db.models import Max, QuerySet
from django.db.models.functions import Coalesce, Now

from documents.access import document_locked, document_of, documents_visible
from documents.errors import SameVersion
from documents.models import Document, Status
from search.filing import file_like
from search.services import source_remove
from search.tagging import tags_like
from tenants.context import Actor, current

Standing: TypeAlias = Literal["current", "replaced", "removed"]

SETTLED: Final = (Status.READY, Status.FAILED)


def series_lock(keys: Iterable[UUID]) -> None:
    """Hold these series, each named by its first version's id, until the transaction ends.

    Taken before any row of theirs is locked, in one order: no deadlock between an ingestion that
    ends and an action on several versions.
    """
    with connection.cursor() as cursor:
        for name in sorted({f"{current().id}:series:{key}" for key in keys}):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def series_of(documents: QuerySet[Document]) -> list[UUID]:
    """Return the series that these documents belong to, by their first versions' ids.

    Give those alone that the actor may see: a lock on another would tell that it is there.
    """
    found = documents.order_by().values_list(Coalesce("series", "id"), flat=True)
    return list(found.distinct())


def newest_of(actor: Actor, document_id: UUID | str) -> Document:
    """Return the version that stands for a document: the one that is searched, if one is.

    Raises NotFound.
    """
    document = document_of(actor, document_id)
    if document.replaced_at is None:
        return document
    newer = documents_visible(actor).filter(series=document.series, replaced_at=None)
    return newer.select_related("created_by").order_by("version").first() or document


def newest_ids(actor: Actor, document_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Return the ids, those of replaced versions changed to what is searched in their place.

    One statement, one more where a version was replaced. Ids that mean nothing stay as they are.
    """
    wanted = set(document_ids)
    replaced = dict(
        documents_visible(actor)
        .order_by()
        .filter(id__in=wanted, replaced_at__isnull=False)
        .values_list("id", "series")
    )
    if not replaced:
        return frozenset(wanted)
    newest = documents_visible(actor).filter(series__in=set(replaced.values()), replaced_at=None)
    by_series = dict(newest.order_by("-version").values_list("series", "id"))  # the lowest stays
    return frozenset(by_series.get(replaced.get(each), each) for each in wanted)


def versions_of(actor: Actor, document: Document) -> QuerySet[Document]:
    """Return all versions of the document, newest first; itself alone where there is one."""
    found = documents_visible(actor).select_related("created_by")
    if document.series is None:
        return found.filter(id=document.id)
    return found.filter(series=document.series).order_by("-version")


def standings(actor: Actor, document_ids: Iterable[UUID]) -> dict[UUID, Standing]:
    """Return how each document stands for the actor; one statement.

    `removed`: it is gone, or the actor may not read it any more; which of the two is not told.
    """
    wanted = set(document_ids)
    if not wanted:
        return {}
    visible = documents_visible(actor).order_by().filter(id__in=wanted)
    found = dict(visible.values_list("id", "replaced_at"))
    return {
        each: "removed" if each not in found else "replaced" if found[each] else "current"
        for each in wanted
    }


def same_refuse(actor: Actor, document_id: UUID, digest: str) -> None:
    """Refuse what is the newest version's content already. Raises NotFound, SameVersion."""
    newest = newest_of(actor, document_id)
    last = versions_of(actor, newest).exclude(status=Status.FAILED).first()
    if last is not None and last.sha256 == digest:
        raise SameVersion


def version_begin(*, actor: Actor, document_id: UUID, made: Document) -> Document:
    """Make `made`, not yet saved, the next version of the document; return the one it follows.

    In the caller's transaction. It is filed where that one is, so whoever may read one reads both.
    Raises NotFound, DocumentReadOnly, SameVersion.
    """
    series_lock(series_of(documents_visible(actor).filter(id=document_id)))
    before = document_locked(actor, newest_of(actor, document_id).id)
    same_refuse(actor, before.id, made.sha256)
    if before.series is None:
        before.series = before.id
        Document.objects.filter(id=before.id).update(series=before.id)
    highest = Document.objects.filter(series=before.series).aggregate(version=Max("version"))
    made.series, made.version = before.series, highest["version"] + 1
    file_like(document_id=made.id, like=before.id)
    tags_like(document_id=made.id, like=before.id)
    return before


def version_settle(document_id: UUID) -> None:
    """Let the newest ready version alone be retrieved, now that this one is ready.

    In the transaction that makes it ready, which holds the series.
    """
    series = Document.objects.filter(id=document_id).values_list("series", flat=True).first()
    if series is None:
        return
    ready = Document.objects.filter(series=series, status=Status.READY).order_by("-version")
    newest = ready.values_list("version", flat=True)[0]
    before = Document.objects.filter(series=series, version__lt=newest, status__in=SETTLED)
    for each in before.values_list("id", flat=True):
        source_remove(each)
    before.filter(replaced_at=None).update(replaced_at=Now())


def deleted_with(document: Document) -> list[Document]:
    """Return the versions that go when this locked one is deleted, itself first.

    The one that stands for the document takes all others with it; a replaced one, or one that did
    not come to replace it, goes alone.
    """
    if document.series is None or document.replaced_at is not None:
        return [document]
    others = Document.objects.filter(series=document.series).exclude(id=document.id)
    if others.filter(replaced_at=None, version__lt=document.version).exists():
        return [document]
    return [document, *others.select_for_update().order_by("version")]
