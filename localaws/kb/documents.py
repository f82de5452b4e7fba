"""The documents of Knowledge Bases: accepted at once, searchable and gone only some time later.

One SQLite file, so that a document is one row and kill -9 loses nothing that was answered. Nothing
runs in the background: a change carries the moment from which it counts, and whoever looks next
brings it about. Until then an overwritten or deleted document is found as it was.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from localaws.embedder import NATIVE_DIMENSIONS, Vectors
from localaws.wire import Json

_TABLE = """
CREATE TABLE IF NOT EXISTS documents (
    base TEXT, source TEXT, id TEXT,
    since REAL, due REAL, pending TEXT, failed TEXT,
    next_text TEXT, next_metadata TEXT, next_vector BLOB,
    text TEXT, metadata TEXT, vector BLOB,
    PRIMARY KEY (base, source, id)
)
"""
_WAITING = """
CREATE INDEX IF NOT EXISTS waiting ON documents (base, due) WHERE pending IS NOT NULL
"""
_COME_ABOUT = (
    """
    UPDATE documents SET text = next_text, metadata = next_metadata, vector = next_vector,
        next_text = NULL, next_metadata = NULL, next_vector = NULL, pending = NULL
    WHERE base = ? AND pending = 'put' AND due <= ?
    """,
    "DELETE FROM documents WHERE base = ? AND pending = 'delete' AND due <= ?",
)
_STATES = """
    SELECT id, pending, failed, since, due FROM documents
    WHERE base = :base AND source = :source
      AND (:ids = 'null' OR id IN (SELECT value FROM json_each(:ids)))
    ORDER BY id
"""
_DROP = "DELETE FROM documents WHERE base = :base AND (:source IS NULL OR source = :source)"
_PUT = """
    INSERT INTO documents (base, source, id, since, due, pending, failed,
                           next_text, next_metadata, next_vector)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (base, source, id) DO UPDATE SET
        since = excluded.since, due = excluded.due, pending = excluded.pending,
        failed = excluded.failed, next_text = excluded.next_text,
        next_metadata = excluded.next_metadata, next_vector = excluded.next_vector
"""


class Put(NamedTuple):
    """A document as it was taken in; `failed` says why it will never be searchable."""

    id: str
    text: str
    metadata: Json
    vector: Vectors | None
    failed: str | None


@dataclass
class Index:
    """What can be searched in one Knowledge Base at a moment; `masks` keeps filters' results."""

    sources: list[str]
    ids: list[str]
    texts: list[str]
    metadata: list[Json]
    vectors: Vectors
    masks: dict[str, Any] = field(default_factory=dict)


class Documents:
    """The documents of all accounts and Regions, by Knowledge Base id."""

    def __init__(self, path: Path, delay_seconds: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._delay = delay_seconds
        self._lock = threading.RLock()
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = NORMAL")
        self._file.execute(_TABLE)
        self._file.execute(_WAITING)
        self._indexes: dict[str, Index] = {}

    def put(self, base: str, source: str, documents: list[Put]) -> None:
        """Take documents in, in place of those of the same ids, once their time has come."""
        now = time.time()
        rows = [
            (
                *(base, source, one.id, now, now + self._delay),
                None if one.failed else "put",
                one.failed,
                None if one.failed else one.text,
                None if one.failed else json.dumps(one.metadata),
                None if one.failed or one.vector is None else one.vector.tobytes(),
            )
            for one in documents
        ]
        with self._lock:
            self._settle(base)
            self._file.execute("BEGIN")
            self._file.executemany(_PUT, rows)
            self._file.execute("COMMIT")

    def delete(self, base: str, source: str, ids: list[str]) -> None:
        """Have documents removed once their time has come; those that are not there stay so."""
        now = time.time()
        with self._lock:
            self._settle(base)
            self._file.executemany(
                "UPDATE documents SET pending = 'delete', since = ?, due = ?, failed = NULL"
                " WHERE base = ? AND source = ? AND id = ?",
                [(now, now + self._delay, base, source, one) for one in ids],
            )

    def drop(self, base: str, source: str | None = None) -> None:
        """Forget all documents of a Knowledge Base, or of one of its data sources."""
        with self._lock:
            self._file.execute(_DROP, {"base": base, "source": source})
            self._indexes.pop(base, None)

    def states(self, base: str, source: str, ids: list[str] | None = None) -> list[Json]:
        """`{id, status, reason, since}` of the documents asked for, or of all, by id."""
        with self._lock:
            self._settle(base)
            rows = self._file.execute(
                _STATES, {"base": base, "source": source, "ids": json.dumps(ids)}
            ).fetchall()
        found = {row[0]: _state(row) for row in rows}
        nothing = {"status": "NOT_FOUND", "reason": None, "since": time.time()}
        return [found.get(one) or {"id": one, **nothing} for one in (ids or list(found))]

    def index(self, base: str) -> Index:
        """What can be searched now."""
        with self._lock:
            self._settle(base)
            kept = self._indexes.get(base)
            if kept is None:
                rows = self._file.execute(
                    "SELECT source, id, text, metadata, vector FROM documents"
                    " WHERE base = ? AND text IS NOT NULL ORDER BY source, id",
                    [base],
                ).fetchall()
                kept = self._indexes[base] = Index(
                    sources=[row[0] for row in rows],
                    ids=[row[1] for row in rows],
                    texts=[row[2] for row in rows],
                    metadata=[json.loads(row[3]) for row in rows],
                    vectors=np.frombuffer(b"".join(row[4] for row in rows), np.float32).reshape(
                        -1, NATIVE_DIMENSIONS
                    ),
                )
            return kept

    def _settle(self, base: str) -> None:
        now = time.time()
        changed = sum(self._file.execute(one, [base, now]).rowcount for one in _COME_ABOUT)
        if changed > 0:
            self._indexes.pop(base, None)


def _state(row: tuple[Any, ...]) -> Json:
    name, pending, failed, since, due = row
    share = (time.time() - since) / max(due - since, 1e-6)
    if failed:
        status = "FAILED"
    elif pending == "delete":
        status = "DELETING" if share < 0.5 else "DELETE_IN_PROGRESS"
    elif pending == "put":
        steps = ("STARTING", "PENDING", "IN_PROGRESS")
        status = steps[min(2, max(0, int(share * 3)))]
    else:
        status = "INDEXED"
    return {"id": name, "status": status, "reason": failed, "since": since}
