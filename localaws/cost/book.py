"""The book of usage: what was served, added up by hour, on disk before the caller is answered.

As in AWS nothing in it is per request. Tags are written with the usage, and only those that are
active cost allocation tags at that moment: activation is not retroactive.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from localaws.calls import Call
from localaws.cost.usage import Billed, billed
from localaws.state import JsonStore

_TABLES = """
    CREATE TABLE IF NOT EXISTS usage (
        account TEXT, region TEXT, hour TEXT, model TEXT, route TEXT, unit TEXT, operation TEXT,
        resource TEXT, principal TEXT, resource_tags TEXT, principal_tags TEXT, amount INTEGER,
        PRIMARY KEY (account, region, hour, model, route, unit, operation, resource, principal,
                     resource_tags, principal_tags)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS tags (
        account TEXT, key TEXT, active INTEGER, updated TEXT, used TEXT,
        PRIMARY KEY (account, key)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
"""
_ADD = """
    INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET amount = amount + excluded.amount
"""
PRINCIPAL = "iamPrincipal/"


class Row(NamedTuple):
    """Usage of an hour, alike in everything that the bill tells apart."""

    account: str
    region: str
    hour: datetime
    model: str
    route: str
    unit: str
    operation: str
    resource: str
    principal: str
    resource_tags: dict[str, str]
    principal_tags: dict[str, str]
    amount: int


class Book:
    """One SQLite file. `clock_offset` moves the billing clock, in seconds."""

    def __init__(self, path: Path, store: JsonStore) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._store = store
        self._lock = threading.Lock()
        self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        # What is written is the kernel's at once: kill -9 loses nothing of it.
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = OFF")
        self._base.executescript(_TABLES)
        self._active: dict[str, frozenset[str]] = {}
        self._seen: set[tuple[str, str]] = set()
        self._offset: float | None = None

    # The clock and other facts --------------------------------------------------------------

    def now(self) -> datetime:
        """The billing clock."""
        return datetime.fromtimestamp(time.time() + self.clock_offset, UTC)

    @property
    def clock_offset(self) -> float:
        """Seconds that the billing clock is ahead."""
        if self._offset is None:
            self._offset = float(self.fact("clock_offset") or 0)
        return self._offset

    def fact(self, name: str) -> str:
        """A kept value; empty where there is none."""
        with self._lock:
            found = self._base.execute("SELECT value FROM facts WHERE name = ?", [name]).fetchone()
        return found[0] if found else ""

    def keep(self, name: str, value: str) -> None:
        """Keep a value."""
        with self._lock:
            self._base.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", [name, value])
            self._offset = None

    # Usage ----------------------------------------------------------------------------------

    def add(self, call: Call) -> None:
        """Book a finished call."""
        moment = datetime.fromtimestamp(call.started + self.clock_offset, UTC)
        for row in billed(call, self._store):
            self._book(call.account, call.region, f"{moment:%Y-%m-%dT%H}", row)

    def _book(self, account: str, region: str, hour: str, row: Billed) -> None:
        for key in (*row.resource_tags, *(PRINCIPAL + key for key in row.principal_tags)):
            self._note_tag(account, key)
        active = self.active(account)
        resource = {k: v for k, v in row.resource_tags.items() if k in active}
        principal = {k: v for k, v in row.principal_tags.items() if PRINCIPAL + k in active}
        kept = [row.resource, row.principal]
        tags = [json.dumps(found, sort_keys=True) for found in (resource, principal)]
        values = [
            [account, region, hour, row.model, row.route, unit, row.operation, *kept, *tags, amount]
            for unit, amount in row.units.items()
            if amount
        ]
        with self._lock:
            self._base.execute("BEGIN")
            self._base.executemany(_ADD, values)
            self._base.execute("COMMIT")

    def rows(self, account: str, start: str = "", end: str = "9") -> Iterator[Row]:
        """The usage of an account from one hour to before another, in the order of the bill."""
        with self._lock:
            found = self._base.execute(
                "SELECT * FROM usage WHERE account = ? AND hour >= ? AND hour < ?"
                " ORDER BY hour, region, model, unit, principal, resource",
                [account, start, end],
            ).fetchall()
        for at, region, hour, model, route, unit, operation, *rest in found:
            resource, principal, resource_tags, principal_tags, amount = rest
            moment = datetime.strptime(hour, "%Y-%m-%dT%H").replace(tzinfo=UTC)
            tags = json.loads(resource_tags), json.loads(principal_tags)
            yield Row(
                at, region, moment, model, route, unit, operation, resource, principal, *tags,
                amount,
            )  # fmt: skip

    # Cost allocation tags -------------------------------------------------------------------

    def _note_tag(self, account: str, key: str) -> None:
        if (account, key) in self._seen:
            return
        self._seen.add((account, key))
        with self._lock:
            self._base.execute(
                "INSERT OR IGNORE INTO tags VALUES (?, ?, 0, ?, ?)",
                [account, key, _stamp(datetime.now(UTC)), _stamp(datetime.now(UTC))],
            )

    def active(self, account: str) -> frozenset[str]:
        """The keys that are active cost allocation tags."""
        if account not in self._active:
            self._active[account] = frozenset(
                row["TagKey"] for row in self.tags(account) if row["Status"] == "Active"
            )
        return self._active[account]

    def tags(self, account: str) -> list[dict[str, str]]:
        """The keys that AWS knows: of called principals and profiles, and of profiles' own tags."""
        for place, region in self._store.places("inference-profiles"):
            if place == account:
                for profile in self._store.load("inference-profiles", place, region).values():
                    for key in profile["tags"]:
                        self._note_tag(account, key)
        with self._lock:
            found = self._base.execute(
                "SELECT key, active, updated, used FROM tags WHERE account = ? ORDER BY key",
                [account],
            ).fetchall()
        return [
            {
                "TagKey": key,
                "Type": "UserDefined",
                "Status": "Active" if active else "Inactive",
                "LastUpdatedDate": updated,
                "LastUsedDate": used,
            }
            for key, active, updated, used in found
        ]

    def activate(self, account: str, key: str, *, active: bool) -> bool:
        """Turn a tag on or off from now on; False where AWS has not seen the key."""
        if key not in {row["TagKey"] for row in self.tags(account)}:
            return False
        with self._lock:
            self._base.execute(
                "UPDATE tags SET active = ?, updated = ? WHERE account = ? AND key = ?",
                [int(active), _stamp(datetime.now(UTC)), account, key],
            )
            self._active.pop(account, None)
        return True


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
