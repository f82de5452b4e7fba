"""What is kept and sent, searched for canaries where they do not belong.

Redis whole (cache, queue, streams, groups), every object of S3 and the invocation logs in it, what
local AWS was asked, the Knowledge Bases' rows, log lines, and every row of PostgreSQL.
"""

import gzip
import json
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from tenants.redis import redis_client
from tests.isolation.stateful.canaries import found_in
from tests.isolation.stateful.model import PRIVATE, Model
from tests.support.localaws import LocalAws
from tests.support.services import Worker

CALLS_KEPT = 1000  # by local AWS; more between two looks would go unseen


class Lines(logging.Handler):
    """Every log line of this process as it is written, with what it should not hold."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self.leaks: list[str] = []
        self.defects: deque[str] = deque(maxlen=10)  # the last that the product logged
        self.setFormatter(logging.getLogger().handlers[0].formatter)

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        self.seen += 1
        if record.levelno >= logging.ERROR:
            told = json.loads(line)
            self.defects.append(
                f"logged for {told.get('request_id')}: {told.get('event')}\n{told.get('exception')}"
            )
        self.leaks += [
            f"LEAK of {canary} of {workspace} in the log: {line[:300]}"
            for canary, workspace in found_in(line)
        ]


class Stores:
    """All stores of one test process. `looks` counts what was read, by store."""

    def __init__(self, worker: Worker, model: Model) -> None:
        self.model = model
        self.state = worker.options.var / "localaws"
        self.aws = LocalAws(f"http://127.0.0.1:{worker.options.localaws_port}")
        self.database = worker.served.cluster().url("postgres", worker.database)
        self.lines = Lines()
        self.looks: dict[str, int] = {}
        self._objects: dict[Path, float] = {}  # looked at, with their times
        self._before: dict[Path, float] = {}
        self._erased = 0

    def __enter__(self) -> "Stores":
        # What earlier runs left is theirs to answer for.
        self._before = {path: path.stat().st_mtime for path in self._stored()}
        self._objects = dict(self._before)
        self.aws.reset()
        logging.getLogger().addHandler(self.lines)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self.lines)
        self.aws.close()

    def leaks(self, *, thorough: bool = False) -> Iterator[str]:
        """Yield a sentence for each canary out of place; `thorough` also reads every table."""
        if len(self.model.erased) != self._erased:  # what was looked at may be left behind now
            self._erased, self._objects = len(self.model.erased), dict(self._before)
        yield from self.lines.leaks
        self.lines.leaks = []
        self.looks["log lines"] = self.lines.seen
        yield from self._prompts()
        yield from self._redis()
        yield from self._s3()
        yield from self._bases()
        if thorough:
            yield from self._tables()

    def _astray(self, where: str, text: str, mark: str, *, bare: bool = False) -> Iterator[str]:
        """Yield what stands in `text` and whose workspace `mark` does not name."""
        for canary, workspace in found_in(text):
            ever = self.model.ever[workspace]
            if bare or not any(str(each) in mark or each.hex in mark for each in ever):
                yield f"LEAK of {canary} of {workspace} in {where}"

    def _kept(self, where: str, text: str, mark: str, *, bare: bool = False) -> Iterator[str]:
        """Yield the same of a store that keeps nothing of a workspace that was erased."""
        yield from self._astray(where, text, mark, bare=bare)
        for canary, _ in found_in(text):
            if canary in self.model.erased:
                yield f"LEAK of {canary}, of a workspace that was erased, in {where}"

    def _count(self, store: str, number: int = 1) -> None:
        self.looks[store] = self.looks.get(store, 0) + number

    def _prompts(self) -> Iterator[str]:
        calls = self.aws.requests()
        self.aws.forget_requests()
        if len(calls) >= CALLS_KEPT:
            yield f"{len(calls)} calls to Bedrock between two looks: some may have gone unseen"
        self._count("model calls", len(calls))
        for call in calls:
            where = f"a call of {call['operation']} by {call['identity']}"
            stamp = call["requestMetadata"]
            mark = str(call["sessionTags"].get("TenantId", ""))
            if stamp and stamp.get("tenant") != mark:
                yield f"{where} is stamped {stamp.get('tenant')}"
            parts = [(json.dumps([call["body"], call["output"]]), mark)]
            if not mark:  # the deployment's own roles reach Knowledge Bases for the workspaces
                parts = _by_document(call)
            for text, whose in parts:
                yield from self._astray(where, text, whose)
                yield from self._of_others(where, text, stamp.get("user", ""))

    def _of_others(self, where: str, text: str, user: str) -> Iterator[str]:
        """Yield what is a colleague's alone and was sent in another user's request."""
        owners = self.model.user_ids
        for canary, _ in found_in(text):
            thing = self.model.by_canary.get(canary)
            if thing and thing.kind in PRIVATE and user and user != owners[thing.owner.email]:
                yield f"LEAK of {canary}, a {thing.kind} of {thing.owner.email}, in {where}"

    def _redis(self) -> Iterator[str]:
        client: Any = redis_client()
        readers: dict[bytes, Callable[[bytes], Any]] = {
            b"string": client.get,
            b"list": lambda key: client.lrange(key, 0, -1),
            b"hash": client.hgetall,
            b"set": client.smembers,
            b"zset": lambda key: client.zrange(key, 0, -1),
            b"stream": client.xrange,
        }
        keys = list(client.scan_iter(count=5000))
        self._count("Redis keys", len(keys))
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.type(key)
        for key, kind in zip(keys, pipe.execute(), strict=True):
            if kind not in readers:
                continue  # it has just expired
            name = key.decode(errors="replace")
            text = f"{name} {readers[kind](key)!r}"
            # What waits for workers and sockets names ids alone.
            bare = name.startswith(("celery:", "channels", "_kombu", "unacked"))
            yield from self._kept(f"Redis under {name}", text, name, bare=bare)

    def _stored(self) -> Iterable[Path]:
        return (self.state / "s3").glob("*/*.json")

    def _s3(self) -> Iterator[str]:
        for path in self._stored():
            try:
                changed = path.stat().st_mtime
                if self._objects.get(path) == changed or path.name == "bucket.json":
                    continue
                about = json.loads(path.read_text())
                body = (path.parent / about["body"]).read_bytes()
            except FileNotFoundError:
                continue  # deleted meanwhile
            self._objects[path] = changed
            self._count("S3 objects")
            key = about["key"]
            if key.endswith(".gz"):
                yield from self._logged(key, gzip.decompress(body).decode(errors="replace"))
            else:
                text = f"{json.dumps(about)} {body.decode(errors='replace')}"
                yield from self._kept(f"S3 under {key}", text, key)

    def _logged(self, key: str, lines: str) -> Iterator[str]:
        """Judge an invocation log's records, each by the caller that the service names."""
        for line in lines.splitlines():
            self._count("invocation log records")
            record = json.loads(line)
            stamp = record.get("requestMetadata") or {}
            yield from self._astray(f"a log record in {key}", line, str(stamp.get("tenant", "")))

    def _bases(self) -> Iterator[str]:
        path = self.state / "knowledge-bases.sqlite3"
        if not path.exists():
            return
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as reading:
            columns = "id, text, metadata, next_text, next_metadata"
            rows = reading.execute(f"SELECT {columns} FROM documents").fetchall()
        reading.close()
        self._count("Knowledge Base rows", len(rows))
        for name, text, metadata, later, later_metadata in rows:
            where = f"the Knowledge Base's row {name}"
            yield from self._kept(where, str(text), str(metadata))
            yield from self._kept(where, str(later), str(later_metadata))

    def _tables(self) -> Iterator[str]:
        """Read every row: in a workspace's schema its own canaries, in public beside its id."""
        schemas = {f"t_{each.hex}": name for name, each in self.model.tenant_ids.items()}
        with psycopg.connect(self.database, autocommit=True) as reading:
            tables = reading.execute(
                "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n"
                " ON n.oid = c.relnamespace WHERE c.relkind = 'r'"
                " AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
            ).fetchall()
            for schema, table in tables:
                found = sql.SQL("SELECT t::text FROM {} t WHERE t::text ~* 'zorq'").format(
                    sql.Identifier(schema, table)
                )
                self._count("tables")
                for (row,) in reading.execute(found):
                    mark = str(UUID(schema[2:])) if schema in schemas else row
                    # The sealed audit outlives its workspace.
                    look = self._astray if table == "registry_auditarchive" else self._kept
                    yield from look(f"{schema}.{table}", row, mark)


def _by_document(call: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a Knowledge Base call's texts, each beside what says whose it is.

    A document carries its workspace as metadata; what is retrieved must be of the filter's.
    """
    documents = call["body"].get("documents") if isinstance(call["body"], dict) else None
    if documents:
        return [(json.dumps(each), json.dumps(each.get("metadata"))) for each in documents]
    return [(json.dumps([call["body"], call["output"]]), json.dumps(call["body"]))]
