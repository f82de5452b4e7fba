"""Read documents again in their own language that were indexed before languages were told.

Each in one transaction: it is found by its old words until then, by the right ones from then on.
Passages, vectors and copies in Knowledge Bases stay. Whatever cuts this off, asking again does the
rest.
"""

from typing import Final
from uuid import UUID

import structlog
from django.db import connection, transaction

from search.languages import language_of
from search.models import Chunk, Source
from search.services import POST

log = structlog.get_logger(__name__)

AT_ONCE: Final = 100  # documents a task
FIRST_PASSAGES: Final = 20  # more than the words that are looked at


def languages_reread() -> bool:
    """Read some of the entered tenant's documents again; return whether there are more."""
    unread = Source.objects.filter(language_told=False).order_by("id")
    ids = list(unread.values_list("id", flat=True)[: AT_ONCE + 1])
    changed = sum(map(_reread, ids[:AT_ONCE]))
    if ids:
        log.info("search.languages_reread", documents=len(ids[:AT_ONCE]), changed=changed)
    return len(ids) > AT_ONCE


@transaction.atomic
def _reread(source_id: UUID) -> bool:
    """Return whether the document is in another language than it was read in."""
    source = Source.objects.select_for_update().filter(id=source_id, language_told=False).first()
    if source is None:  # removed, or indexed anew, meanwhile
        return False
    passages = Chunk.objects.filter(source_id=source_id).order_by("ordinal")
    language = language_of(passages.values_list("text", flat=True)[:FIRST_PASSAGES])
    changed = language != source.language
    source.language, source.language_told = language, True
    source.save(update_fields=["language", "language_told"])
    if changed:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM search_posting WHERE source_id = %s", [source_id])
            cursor.execute(POST, {"source": source_id, "language": language})
    return changed
