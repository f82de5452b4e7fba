"""How many SQL statements a chat message and each page cost, and whether rows change that."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter

import httpx
from psycopg import sql

from tests.bench import live
from tests.bench.table import Table
from tests.e2e.talking import talking
from tests.support.live import DemoPerson, LiveStack

TIMES = 5
COLD = "chat message, the first of all since the start"
MOST = 12
ROWS = 200
QUESTIONS = (  # long and self-contained: none is rewritten by the model with the one before it
    "Who is the safety officer of Acme Outdoor according to the travel policy?",
    "How many years of warranty does Acme Outdoor give on the seams of tents?",
    "How long is the probation period of new employees of Acme Outdoor?",
    "Which law applies to the contract of a supplier with Acme Outdoor?",
    "What is the monthly limit of the company card of Acme Outdoor in euros?",
    "At what temperature may a down jacket of Acme Outdoor be washed at home?",
)
LINE = re.compile(r"^\S+ \S+ \S+ \[(\d+)\] app@\S+ LOG:  (?:statement|execute [^:]+): (.*)$")
CONNECTION = re.compile(r"$|SELECT set_config\('role'|(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b")


@dataclass(frozen=True, slots=True)
class Count:
    """What the server executed during one action."""

    statements: int
    connection: int  # the pool's check, role and search path (set and taken off), BEGIN, COMMIT


def run() -> Table:
    """Count in PostgreSQL's own log, on the running product."""
    stack = live.product()
    with _logged(stack) as log, stack.http(stack.person("acme", "member")) as client:
        messages = _messages(stack, log)
        calls = [
            (name, _several(log, client, "POST", path, body))
            for name, path, body in (
                ("POST ask/", "ask/", {"question": QUESTIONS[0]}),
                ("POST search/", "search/", {"query": QUESTIONS[0]}),
                ("POST write/", "write/", {"task": "rewrite", "text": "We wish to reply."}),
            )
        ]
        few, many = _pages(stack, log)
    chat = max(_middle(counts) for name, counts in messages.items() if name != COLD)
    constant = all(_least(few[name]) == _least(many[name]) for name in few)
    named = [*((name, counts) for name, counts in messages.items()), *calls]
    return Table(
        title="SQL statements (P11)",
        includes=(
            "Counted by log_statement = all on the running product: what the web process executed"
            " from sending until the answer had ended, medians of"
            f" {TIMES}. Apart: what its connections need (the pool's check, role and search path"
            " set and taken off, BEGIN, COMMIT). A message's model calls are in it, each with"
            " admission, policy decision and settlement. Pages are read in a session."
        ),
        columns=("", "statements", "least–most", "for connections"),
        rows=[
            *(_row(name, counts) for name, counts in named),
            *(_row(name, counts) for name, counts in few.items()),
            *(_row(f"{name}, {ROWS} rows more", counts) for name, counts in many.items()),
        ],
        target=f"at most {MOST} for a chat message, and pages constant in the number of rows",
        reached=chat <= MOST and constant,
        notes=[
            "The first message of a process reads what the process keeps from then on: settings,"
            " rules, guardrail, profiles and routes of the workspace, and the stems of the help.",
            "A message has 9 statements where nothing is cited, 11 where it is, and two more where"
            " the model asks for a tool that reads, as of usage and limits.",
            "Pages are judged by their least: caches that are read again every few seconds make"
            " the rest.",
        ],
    )


def _row(name: str, counts: Sequence[Count]) -> tuple[str, ...]:
    numbers = [count.statements for count in counts]
    return (
        name,
        str(_middle(counts)),
        f"{min(numbers)}–{max(numbers)}",
        f"{median(count.connection for count in counts):.0f}",
    )


def _middle(counts: Sequence[Count]) -> int:
    return round(median(count.statements for count in counts))


def _least(counts: Sequence[Count]) -> int:
    """Return the cost without what the product did beside it, or only once a while."""
    return min(count.statements for count in counts)


class Log:
    """The server's log, from where it was last read."""

    def __init__(self, stack: LiveStack) -> None:
        self._stack = stack
        self._path = stack.var / "log" / "postgres.log"
        self._tick = threading.Event()

    def during(self, action: Callable[[], object]) -> Count:
        """Do it and count what the server executed for it."""
        start = self._settled()
        action()
        end = self._settled()
        with self._path.open("rb") as file:
            file.seek(start)
            entries = file.read(end - start).decode().replace("\n\t", " ").splitlines()
        web = _sessions(self._stack)
        matches = [match for match in map(LINE.match, entries) if match]
        found = [match[2].strip() for match in matches if int(match[1]) in web]
        connection = sum(bool(CONNECTION.match(each)) for each in found)
        return Count(len(found) - connection, connection)

    def _settled(self) -> int:
        """Return the log's size once it has not grown for a moment."""
        give_up = perf_counter() + 5
        size = -1
        while size != (now := self._path.stat().st_size) and perf_counter() < give_up:
            size = now
            self._tick.wait(0.06)
        return size


def _sessions(stack: LiveStack) -> set[int]:
    """Return the database's sessions of the web process, by their process ids."""
    ports = {each.laddr.port for each in stack.part("web").net_connections("tcp") if each.laddr}
    found = stack.sql("SELECT pid, client_port FROM pg_stat_activity WHERE usename = 'app'")
    return {pid for pid, port in found if port in ports}


@contextmanager
def _logged(stack: LiveStack) -> Iterator[Log]:
    """Let the server log every statement for a while."""
    with live.superuser(stack) as connection:

        def reload(value: str, change: str) -> None:
            connection.execute(change)
            connection.execute("SELECT pg_reload_conf()")
            give_up = perf_counter() + 5
            while connection.execute("SHOW log_statement").fetchone() != (value,):
                assert perf_counter() < give_up, "PostgreSQL does not log statements"

        reload("all", "ALTER SYSTEM SET log_statement = 'all'")
        try:
            yield Log(stack)
        finally:
            reload("none", "ALTER SYSTEM RESET log_statement")


def _messages(stack: LiveStack, log: Log) -> dict[str, list[Count]]:
    """Count first and later messages of conversations, over the socket."""
    person = stack.person("acme", "viewer")
    cold: list[Count] = []
    first: list[Count] = []
    later: list[Count] = []
    with stack.http(person) as client:
        for turn in range(-1, TIMES):  # the one before all others is the process's first
            live.fill_buckets(stack)
            made = client.post("/api/v1/conversations/", json={}).raise_for_status().json()
            with talking(stack, person, made["id"]) as talk:
                for number, counts in enumerate((first, later) if turn >= 0 else (cold,)):
                    question = QUESTIONS[turn + number]
                    counts.append(log.during(partial(talk.ask, question)))
                    assert talk.heard[-1]["type"] == "turn.finished", talk.heard[-1]
    return {
        COLD: cold,
        "chat message, the first (with a title)": first,
        "chat message, later": later,
    }


def _several(
    log: Log, client: httpx.Client, method: str, path: str, body: object = None
) -> list[Count]:
    def act() -> None:
        client.request(method, path if path[0] == "/" else f"/api/v1/{path}", json=body)

    act()
    return [log.during(act) for _ in range(TIMES)]


def _pages(stack: LiveStack, log: Log) -> tuple[dict[str, list[Count]], dict[str, list[Count]]]:
    """Count the lists with the demo's rows and with many more of them."""
    person = stack.person("initech", "owner")
    with stack.http(person) as client:
        client.post("/api/v1/conversations/", json={"title": "One"}).raise_for_status()
    few = _lists(stack, log, person)
    with _more_rows(stack, "initech"):
        return few, _lists(stack, log, person)


def _lists(stack: LiveStack, log: Log, person: DemoPerson) -> dict[str, list[Count]]:
    cookie = {"session": stack.session(person)}
    with stack.http(person) as key, stack.http(person, key="", cookies=cookie) as session:
        return {
            "Documents page": _several(log, session, "GET", "/documents/"),
            "Assistant page": _several(log, session, "GET", "/assistant/"),
            "GET documents/": _several(log, key, "GET", "documents/?limit=100"),
            "GET conversations/": _several(log, key, "GET", "conversations/?limit=100"),
        }


@contextmanager
def _more_rows(stack: LiveStack, slug: str) -> Iterator[None]:
    """Copy a document and a conversation many times, and remove the copies."""
    [(schema,)] = stack.sql("SELECT schema_name FROM registry_tenant WHERE slug = %s", slug)
    tables = [
        sql.Identifier(schema, name) for name in ("documents_document", "assistant_conversation")
    ]
    with live.superuser(stack) as connection:
        copies = [
            connection.execute(
                sql.SQL(
                    "INSERT INTO {table} SELECT (jsonb_populate_record(NULL::{table}, one.copied"
                    " || jsonb_build_object('id', gen_random_uuid(), 'copy', number))).*"
                    " FROM (SELECT to_jsonb(each) AS copied FROM {table} each LIMIT 1) one,"
                    " generate_series(1, %s) number RETURNING id"
                ).format(table=table),
                [ROWS],
            ).fetchall()
            for table in tables
        ]
        try:
            yield
        finally:
            for table, ids in zip(tables, copies, strict=True):
                connection.execute(
                    sql.SQL("DELETE FROM {} WHERE id = ANY(%s)").format(table),
                    [[identifier for (identifier,) in ids]],
                )
