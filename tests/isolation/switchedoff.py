"""Switches that take whole layers out of the product, in tests alone.

With a layer off, what the others refuse they refuse by themselves. The switches patch the product
from outside; it has none of its own.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest.mock import patch

from botocore.credentials import Credentials
from django.apps import apps
from django.conf import settings
from django.db import connection, connections  # noqa: TID251 - to serve under another login
from django.db.models import Max

import assistant.access
import assistant.selectors
import assistant.texts
import documents.access
import search.access
import tenants.aws
import tenants.lifecycle.exports
import tenants.multipart
import tenants.objects
from assistant.models import Conversation, Message, WrittenText
from documents.models import Document
from search.access import collections_holding
from search.models import Collection, Source
from tenants.backend.base import DatabaseWrapper
from tenants.context import Actor, TenantContext
from tenants.objects import bucket as own_bucket
from tests.support.services import Worker

CONTENT: Final = {"search", "documents", "assistant"}


@contextmanager
def application_off(other: TenantContext) -> Iterator[None]:
    """Take the application for one that has lost its way: whoever asks, it reads `other`'s.

    Its statements name the other tenant's tables, its objects lie under the other's prefix and in
    the other's Region; statement guard, access functions and Region guard are gone. What is left
    are the database's role and the credentials, which are still the asking tenant's.
    """
    tables = {model._meta.db_table for model in apps.get_models()
              if model._meta.app_label in CONTENT}  # fmt: skip
    named = re.compile(rf'(?<![.\w"])"?({"|".join(sorted(tables, key=len, reverse=True))})"?(?!\w)')
    locked = re.compile(rf'(FOR UPDATE OF) "{other.schema}"\.')

    def aimed(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        text = named.sub(rf'"{other.schema}"."\1"', sql) if isinstance(sql, str) else sql
        return execute(locked.sub(r"\1 ", text) if isinstance(text, str) else text,
                       params, many, context)  # fmt: skip

    def anybody(model: Any) -> Any:
        return lambda _actor: model.objects.all()

    def any_document(actor: Actor) -> Any:
        every = Document.objects.exclude(id=actor.user_id)  # which none has: a place for who asks
        return every.annotate(collection_ids=collections_holding(actor))

    def any_text(_actor: Actor) -> Any:
        return WrittenText.objects.annotate(versions_kept=Max("versions__number"))

    everywhere: Any = lambda key: f"tenants/{other.id}/{key}"  # noqa: E731
    patches = [
        patch.object(documents.access, "documents_visible", any_document),
        patch.object(search.access, "sources_visible", anybody(Source)),
        patch.object(search.access, "collections_visible", anybody(Collection)),
        patch.object(assistant.access, "conversations_visible", anybody(Conversation)),
        patch.object(assistant.selectors, "conversations_visible", anybody(Conversation)),
        patch.object(assistant.access, "answer_to_explain",
                     lambda _actor, message_id: Message.objects.get(id=message_id)),
        patch.object(assistant.texts, "texts_visible", any_text),
        patch.object(tenants.lifecycle.exports, "current", lambda: other),
        patch.object(tenants.objects, "absolute_key", everywhere),
        patch.object(tenants.objects, "bucket", lambda _region: own_bucket(other.region)),
        patch.object(tenants.multipart, "absolute_key", everywhere),
        patch.object(tenants.multipart, "bucket", lambda _region: own_bucket(other.region)),
    ]  # fmt: skip
    with ExitStack() as stack:
        for each in patches:
            stack.enter_context(each)
        stack.enter_context(statements_anew())
        stack.enter_context(guards_off())
        stack.enter_context(regions_off())
        stack.enter_context(connection.execute_wrapper(aimed))
        yield


@contextmanager
def statements_anew() -> Iterator[None]:
    """Let statements that are written once be written anew, now and afterwards."""
    kept: Any = (
        search.access._ids_written,
        search.access._readable_written,
        documents.access._document_written,
    )
    for each in kept:
        each.cache_clear()
    try:
        yield
    finally:
        for each in kept:
            each.cache_clear()


@contextmanager
def guards_off() -> Iterator[None]:
    """Take the statement guard off this thread's connection and every later one."""
    from tenants.context import statement_guard

    made = DatabaseWrapper.__init__

    def unguarded(self: Any, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        self.execute_wrappers = [each for each in self.execute_wrappers
                                 if each is not statement_guard]  # fmt: skip

    kept = list(connection.execute_wrappers)
    connection.execute_wrappers = [each for each in kept if each is not statement_guard]

    with patch.object(DatabaseWrapper, "__init__", unguarded):
        try:
            yield
        finally:
            connection.execute_wrappers = kept


@contextmanager
def regions_off() -> Iterator[None]:
    """Take the Region guard off every client."""

    def nothing(*_: Any, **__: Any) -> None:
        return None

    with (
        patch.object(tenants.aws, "check_parameters", nothing),
        patch.object(tenants.aws, "check_signature", nothing),
    ):
        tenants.aws._build.cache_clear()
        try:
            yield
        finally:
            tenants.aws._build.cache_clear()


@contextmanager
def database_off(worker: Worker) -> Iterator[None]:
    """Serve as the superuser, who needs no role and whom no policy filters."""
    password = worker.served.passwords["postgres"]
    with (
        patch.object(DatabaseWrapper, "_session_role", lambda _self: "none"),
        connected(USER="postgres", PASSWORD=password),
    ):
        yield


@contextmanager
def connected(**how: Any) -> Iterator[None]:
    """Connect with other settings (`HOST`, `PORT`, `USER`, `OPTIONS`), in every thread."""
    places = {id(each): each for each in (settings.DATABASES["default"],
                                          connections.settings["default"],
                                          connection.settings_dict)}  # fmt: skip
    kept = {at: {name: each[name] for name in how} for at, each in places.items()}
    _afresh()
    for each in places.values():
        each.update(how)
    try:
        yield
    finally:
        _afresh()
        for at, each in places.items():
            each.update(kept[at])


def _afresh() -> None:
    connection.close()
    if connection.settings_dict["OPTIONS"].get("pool"):
        connection.close_pool()


@contextmanager
def aws_off() -> Iterator[None]:
    """Sign every call with the account's administrator, whom no policy limits."""
    powerful = Credentials("admin", "admin")
    with patch.object(type(tenants.aws.vending), "credentials", lambda _self, _wanted: powerful):
        yield
