"""Keep what Write made: a user's texts in versions, which are read, restored and deleted."""

import json
import re
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import F, Max, QuerySet
from django.utils.translation import gettext as _

from assistant.errors import VersionUnknown
from assistant.models import Origin, TextVersion, WrittenText
from assistant.pages import citations_readable
from assistant.services import TITLE_CHARACTERS, title_given
from billing.settlement import settlement_told
from tenants.accounts.audit import audit_write
from tenants.context import Actor
from tenants.errors import NotFound
from tenants.keyset import Page, page_of
from tenants.lifecycle.holding import hold_refuse
from tenants.naming import one_line

LIST_ROWS: Final = 50
_SIGNS: Final = re.compile(r" ?\[\d{1,3}\]|!?\[([^\]\n]*)\]\([^)\n]*\)|\*\*|__|~~|`")
NEW: Final = """
    made AS (
        INSERT INTO assistant_writtentext (id, owner_id, task, title, created_at, updated_at)
        VALUES (%s, %s, %s, %s, now(), now()) ON CONFLICT (id) DO NOTHING RETURNING id
    ), versions AS (
        INSERT INTO assistant_textversion
               (text_id, number, content, citations, origin, request_id, created_at)
        SELECT made.id, version.*, now() FROM made, (VALUES {versions}) AS version
    )
"""
VERSION: Final = "(%s, %s, %s::jsonb, %s, %s::uuid)"


def texts_visible(actor: Actor) -> QuerySet[WrittenText]:
    """Return the actor's own texts, the newest first."""
    return WrittenText.objects.filter(owner_id=actor.user_id).annotate(
        versions_kept=Max("versions__number")
    )


def texts_page_of(actor: Actor, cursor: str) -> Page[WrittenText]:
    """Return a page of the actor's own texts, those changed last first."""
    found = texts_visible(actor)
    return page_of(found, cursor, by=F("updated_at"), falling=True, rows=LIST_ROWS)


def text_of(actor: Actor, text_id: UUID | str) -> WrittenText:
    """Return the text. Raises NotFound for a missing one and another user's alike."""
    text = texts_visible(actor).filter(id=text_id).first()
    if text is None:
        raise NotFound(_("There is no such text."))
    return text


def text_changed_at(text_id: UUID) -> datetime | None:
    """Return when a text got its newest version; None where there is no such text yet."""
    return WrittenText.objects.filter(id=text_id).values_list("updated_at", flat=True).first()


def versions_of(actor: Actor, text: WrittenText) -> list[TextVersion]:
    """Return the versions, the first first, with the citations that the actor may open today."""
    versions = list(text.versions.all())
    shapes = [{"citations": version.citations} for version in versions]
    for version, shape in zip(versions, citations_readable(actor, shapes), strict=True):
        version.citations = shape["citations"]
    return versions


def version_of(actor: Actor, text: WrittenText, number: int | None) -> TextVersion:
    """Return a version by its number, or the newest. Raises VersionUnknown."""
    versions = versions_of(actor, text)
    if number is None:
        return versions[-1]
    found = next((version for version in versions if version.number == number), None)
    if found is None:
        raise VersionUnknown
    return found


def text_keep(
    *,
    actor: Actor,
    task: str,
    text_id: UUID | None,
    given: str,
    content: str,
    citations: list[dict[str, Any]],
    request_id: UUID,
    new_id: UUID | None = None,
) -> tuple[TextVersion, dict[str, Any] | None]:
    """Keep what was written as the next version of a text, or as a new text; that by one statement.

    The settlement that waits, if one does, is written in it; then what the request used is returned
    too. What was `given` to be rewritten is kept before, unless it is the newest version already.
    `new_id` is that of a new text. Raises NotFound for a text that is not the actor's, or that was
    deleted meanwhile.
    """
    written = TextVersion(
        content=content, origin=Origin.WRITTEN, citations=citations, request_id=request_id
    )
    before = [TextVersion(content=given, origin=Origin.GIVEN)] if given else []
    if text_id is None:
        return _new(actor, new_id or uuid4(), task, _title(content or given), [*before, written])
    return _next(actor, text_id, [*before, written]), None


def _new(
    actor: Actor, text_id: UUID, task: str, title: str, versions: list[TextVersion]
) -> tuple[TextVersion, dict[str, Any] | None]:
    assert actor.user_id is not None  # nobody writes without one
    text = WrittenText(id=text_id, owner_id=actor.user_id, task=task, title=title)
    values: list[Any] = [text.id, text.owner_id, text.task, text.title]
    for number, version in enumerate(versions, start=1):
        version.text, version.number = text, number
        citations = json.dumps(version.citations)
        values += [number, version.content, citations, version.origin, version.request_id]
    new = NEW.format(versions=", ".join([VERSION] * len(versions)))
    assert versions[-1].request_id is not None  # what was written has its request
    used = settlement_told(versions[-1].request_id, new, values)
    if used is None:
        with connection.cursor() as cursor:
            cursor.execute(f"WITH {new} SELECT 1", values)
    return versions[-1], used


@transaction.atomic
def _next(actor: Actor, text_id: UUID, versions: list[TextVersion]) -> TextVersion:
    text = _locked(actor, text_id)
    last = text.versions.last()
    text.save(update_fields=["updated_at"])
    if len(versions) > 1 and last is not None and last.content == versions[0].content:
        versions = versions[1:]
    for number, version in enumerate(versions, start=(last.number if last else 0) + 1):
        version.text, version.number = text, number
    TextVersion.objects.bulk_create(versions)
    return versions[-1]


@transaction.atomic
def text_restore(*, actor: Actor, text_id: UUID, number: int) -> tuple[TextVersion, bool]:
    """Make an earlier version the newest again; nothing is lost. Raises VersionUnknown.

    Return the newest, and whether it was made: it holds that already where another tab was first.
    """
    text = _locked(actor, text_id)
    wanted, newest = text.versions.filter(number=number).first(), text.versions.last()
    if wanted is None or newest is None:
        raise VersionUnknown
    if (newest.content, newest.citations) == (wanted.content, wanted.citations):
        return newest, False
    made = _add(text, newest, content=wanted.content, origin=Origin.RESTORED,
                citations=wanted.citations, request_id=wanted.request_id)  # fmt: skip
    return made, True


@transaction.atomic
def text_rename(*, actor: Actor, text_id: UUID, title: str) -> WrittenText:
    """Give a text another title; its versions stay. Raises NotFound, Invalid."""
    text = _locked(actor, text_id)
    text.title = title_given(title)
    text.save(update_fields=["title"])
    return text


@transaction.atomic
def text_delete(*, actor: Actor, text_id: UUID) -> None:
    """Delete a text with all its versions. Raises NotFound, LegalHold."""
    text = text_of(actor, text_id)
    hold_refuse()
    audit_write(actor, action="text.delete", object_type="text", object_id=text.id)
    text.delete()


def _locked(actor: Actor, text_id: UUID) -> WrittenText:
    owned = WrittenText.objects.select_for_update().filter(owner_id=actor.user_id, id=text_id)
    text = owned.first()
    if text is None:
        raise NotFound(_("There is no such text."))
    return text


def _add(text: WrittenText, last: TextVersion | None, **members: Any) -> TextVersion:
    text.save(update_fields=["updated_at"])
    number = last.number + 1 if last else 1
    return TextVersion.objects.create(text=text, number=number, **members)


def _title(content: str) -> str:
    """Return the first words of a text, without its Markdown's signs; what is cut is marked."""
    plain = _SIGNS.sub(r"\1", content)
    line = next((line for line in plain.splitlines() if line.strip(" #*->|")), _("Text"))
    title = one_line(line).strip(" #*->|") or _("Text")
    if len(title) <= TITLE_CHARACTERS:
        return title
    cut = title[: TITLE_CHARACTERS - 1]
    whole, space, _rest = cut.rpartition(" ")
    return (whole if space and len(whole) > TITLE_CHARACTERS // 2 else cut).rstrip(" ,;:.-") + "…"
