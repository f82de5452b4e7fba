"""One request as somebody, and what came back in a form that can be compared."""

import json
import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from html import escape
from typing import Any, Final, TypeVar

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.utils.datastructures import MultiValueDict

from tests.isolation.entries import PARAMETER, Entry

# What differs between two answers by itself: times, ids, a form's token, challenges, numbers of
# savepoints, and
# that the audit was exported, which is in the next export.
_ANY_ID: Final = re.compile(
    r"\d{4}-\d\d-\d\dT[\d:.]+|[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}|\b[A-Za-z0-9]{64}\b"
    r'|"challenge": "[\w-]+"'
)
tally: Final = Counter[str]()
answered: Final = Counter[int]()  # how often with each status
watchers: Final[list[Callable[[str, str], None]]] = []  # told of every answer's text
_EXPORTED: Final = re.compile(r"^.*audit\.export.*\n", re.MULTILINE)
_SAVEPOINT: Final = re.compile(r"SAVEPOINT \S+")
Headers = Mapping[str, str]
T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """An answer, and the statements it took, without what always differs."""

    status: int
    location: str
    statements: tuple[str, ...]
    content: str
    headers: str
    query: str  # a page may name its own address: one's own words again

    @property
    def raw(self) -> str:
        return f"{self.content}\n{self.headers}"

    @cached_property
    def looks(self) -> tuple[int, str, str]:
        """Return what the asker can see of it, without what always differs."""
        body = self.content.replace(self.query, "<query>") if self.query else self.content
        return self.status, _ANY_ID.sub("<id>", _EXPORTED.sub("", body)), self.location


def some(variants: Sequence[T], entry: Entry, number: int = 0, *, few: int) -> Sequence[T]:
    """Return all variants, or in the suite a few: another few for each entry, all over them all.

    `MATRIX=full` tries every variant on every entry.
    """
    if os.environ.get("MATRIX") == "full":
        return variants
    begin = zlib.crc32(f"{entry}{number}".encode()) % len(variants)
    return [variants[(begin + step) % len(variants)] for step in range(few)]


def by_key(key: str) -> Headers:
    return {"Authorization": f"Bearer {key}"}


def by_session(value: str) -> Headers:
    return {"Cookie": f"{settings.SESSION_COOKIE_NAME}={value}"}


def filled(route: str, ids: Mapping[str, str]) -> str:
    """Return the address of a route with these ids in it."""
    return "/" + PARAMETER.sub(lambda found: ids[found.group(1)], route)


def sent(
    method: str,
    path: str,
    host: str,
    who: Headers,
    body: Mapping[str, Any] | None = None,
    *,
    form: bool = False,
    file: str = "",
    query: Mapping[str, str] | None = None,
    more: Headers | None = None,
    forged: bool = False,
) -> Answer:
    """Send a request through every middleware; only a forged one is asked for its CSRF token."""
    tally["requests"] += 1
    client = _client(forged)
    client.cookies.clear()
    headers = {"Host": host, **who, **(more or {})}
    statements: list[str] = []

    def recorded(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        statements.append(_normal(str(sql)))
        return execute(sql, params, many, context)

    asked = QueryDict(mutable=True)
    asked.update(query or {})
    told = asked.urlencode()
    if told:
        path = f"{path}?{told}"
    with connection.execute_wrapper(recorded):
        if form or file:
            data: dict[str, Any] = dict(body or {})
            if file:
                data["file"] = SimpleUploadedFile("x.md", file.encode())
            send: Any = getattr(client, method.lower())
            answer = send(path, data, headers=headers)
        else:
            text = json.dumps(body or {})
            answer = client.generic(
                method, path, text if method not in ("GET", "HEAD") else "",
                content_type="application/json", headers=headers,
            )  # fmt: skip
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    raw, kept = content.decode(errors="replace"), str(answer.headers)
    answered[answer.status_code] += 1
    for look in watchers:
        look(f"{method} {path} on {host}", raw + kept)
    return Answer(
        answer.status_code,
        _ANY_ID.sub("<id>", answer.headers.get("Location", "")),
        tuple(statements),
        raw,
        kept,
        escape(told),
    )


@lru_cache(10_000)
def _normal(statement: str) -> str:
    return _SAVEPOINT.sub("SAVEPOINT", _ANY_ID.sub("<id>", statement))


@cache
def _client(forged: bool) -> Client:
    """Return a client, which reads the settings' middleware once for all requests."""
    return Client(raise_request_exception=False, enforce_csrf_checks=forged)


def tried(entry: Entry, ids: Mapping[str, str], host: str, who: Headers, **how: Any) -> Answer:
    """Send the entry's request with these ids in its path, as a page's form or as JSON."""
    return sent(entry.method, filled(entry.name, ids), host, who, form=entry.form, **how)


@contextmanager
def names_read() -> Iterator[set[str]]:
    """Collect the names that views look up in query strings and forms."""
    names: set[str] = set()
    kept = {name: getattr(MultiValueDict, name) for name in ("get", "getlist", "__getitem__")}

    def noting(original: Any) -> Any:
        def look(self: Any, name: str, *rest: Any, **more: Any) -> Any:
            if isinstance(self, QueryDict) and isinstance(name, str):
                names.add(name)
            return original(self, name, *rest, **more)

        return look

    try:
        for name, original in kept.items():
            setattr(MultiValueDict, name, noting(original))
        yield names
    finally:
        for name, original in kept.items():
            setattr(MultiValueDict, name, original)
