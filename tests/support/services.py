"""The real servers that the tests run against, once per run and as the stack starts them.

The controller of a run starts PostgreSQL and Redis and builds one template: a database with every
migration and the cast's workspaces, and the local AWS's state that goes with it. Each test process
then clones the database and the state for itself. The template is kept under `var/test-cache`, by
a hash of the code that made it, so that an unchanged checkout starts in about a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path

import psycopg
import redis
from psycopg import sql

from config.stack import postgres
from config.stack.options import REPOSITORY, Options
from config.stack.parts import Addresses, Login, child_environment, local_aws
from config.stack.ports import LOOPBACK, free_port
from config.stack.process import Child, Spec, last_words
from config.stack.redis import Redis
from tests.support.resident import Resident

# What makes the template; a change anywhere in it builds a new one.
SOURCES = (
    "tenants",
    "billing",
    "bedrock",
    "search",
    "documents",
    "assistant",
    "config",
    "localaws",
)
CACHE = REPOSITORY / "var" / "test-cache"
SECRET_KEY = "tests-only-" + "0123456789abcdef" * 4
MEMORY, MEMORY_BYTES = Path("/dev/shm"), 6 * 2**30  # noqa: S108 - a private folder is made in it
# A crash of the test machine may lose the test data, and a test that needs statistics gathers them.
FAST = {
    **postgres.SETTINGS,
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "256MB",
    "max_connections": "200",
}


@dataclass(frozen=True, slots=True)
class Served:
    """Where the run's servers are: what the controller tells the test processes."""

    root: str
    postgres_port: int
    redis_port: int
    passwords: Mapping[str, str]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Served:
        return cls(**json.loads(text))

    def cluster(self) -> postgres.Cluster:
        data = Path(self.root) / "kept" / "whole" / "pg"
        return postgres.Cluster(data, self.postgres_port, self.passwords, FAST)

    def lend_migrated(self, var: Path) -> None:
        """Put a database that is migrated and otherwise empty where a stack would make its own."""
        _copy(Path(self.root) / "kept" / "migrated", var)


@dataclass(slots=True)
class Servers:
    """The servers of one run, owned by its controller."""

    root: Path = field(default_factory=lambda: short_folder())
    children: list[Child] = field(default_factory=list)

    def start(self) -> Served:
        """Start everything and return where it is."""
        kept = CACHE / f"template-{_key()}"
        if not kept.exists():
            _build_template(self.root / "build", kept)
        _copy(kept, self.root / "kept")
        template, log = self.root / "kept" / "whole", self.root / "log"
        log.mkdir()
        buckets = Redis(self.root / "redis", free_port())
        cluster = postgres.open_cluster(template / "pg", free_port(), log / "postgres.log", FAST)
        for spec in (buckets.spec(log / "redis.log"), cluster.spec(log / "postgres.log")):
            self.children.append(_started(spec))
        for child in self.children:
            wait_for(child)
        return Served(str(self.root), cluster.port, buckets.port, cluster.passwords)

    def stop(self) -> None:
        """Stop everything and remove its files."""
        for child in self.children:
            stop(child)
        shutil.rmtree(self.root, ignore_errors=True)


@dataclass(slots=True)
class Worker:
    """What one test process has to itself: a database, a Redis number, a local AWS."""

    served: Served
    name: str
    aws: Child | None = None
    options: Options = field(init=False)
    residents: dict[Login, list[Resident]] = field(default_factory=dict)  # idle ones
    buckets: redis.Redis = field(init=False)

    def start(self) -> None:
        """Clone what the template holds and point the environment at it, before Django loads."""
        var = Path(self.served.root) / self.name
        var.mkdir()
        state = Path(self.served.root) / "kept" / "whole" / "localaws"
        if state.exists():
            shutil.copytree(state, var / "localaws")
        self.options = _options(var)
        self.buckets = redis.Redis(host=LOOPBACK, port=self.served.redis_port, db=self.number)
        self.aws = _started(_local_aws(self.options))
        self.clone_database()
        os.environ |= self.environment("app")

    def wait(self) -> None:
        """Wait until all of it serves; it starts while Django loads."""
        if self.aws is not None:
            wait_for(self.aws)

    def stop(self) -> None:
        for resident in chain.from_iterable(self.residents.values()):
            resident.stop()
        if self.aws is not None:
            stop(self.aws)
        self.buckets.close()

    @property
    def number(self) -> int:
        """Return the Redis number: gw0 has 1, gw1 has 2; 0 is left to a run without workers."""
        return int(self.name.removeprefix("gw")) + 1 if self.name.startswith("gw") else 0

    @property
    def database(self) -> str:
        return f"test_{self.name}"

    def clone_database(self) -> None:
        """Give this process a fresh copy of the template, in a tenth of a second.

        Files are copied: block by block through the log, PostgreSQL's usual way, takes more than
        twice the CPU.
        """
        name, template = sql.Identifier(self.database), sql.Identifier(postgres.DATABASE)
        url = self.served.cluster().url("postgres", "postgres")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER owner STRATEGY file_copy").format(
                    name, template
                )
            )
            # Rights on a database are not copied with it; these are deploy/postgres-init.sql's.
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
            connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO app, ops").format(name))

    def empty_redis(self) -> None:
        """Forget buckets, cache, queues and channels of this process."""
        self.buckets.flushdb()

    def environment(self, login: Login) -> dict[str, str]:
        """Return the environment of a process of this product under `login`."""
        cluster = self.served.cluster()
        addresses = Addresses(
            {login: cluster.url(login, self.database) for login in postgres.LOGINS},
            f"redis://{LOOPBACK}:{self.served.redis_port}/{self.number}",
            SECRET_KEY,
        )
        return {
            **child_environment(self.options, addresses, login),
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
        }

    def manage(self, login: Login, *arguments: str) -> str:
        """Run a management command in a process of its own and return what it printed.

        The owner's work is done so: the tests' own process holds the `app` login alone.
        """
        status, said = self.run(login, "manage.py", *arguments)
        if status:
            raise RuntimeError(f"manage.py {' '.join(arguments)} failed:\n{said}")
        return said

    def run(self, login: Login, *argv: str) -> tuple[int, str]:
        """Run `manage.py …` or a module in a process of its own: its exit status, what it printed.

        Threads may run several at a time.
        """
        idle = self.residents.setdefault(login, [])
        resident = idle.pop() if idle else Resident(self.environment(login))
        with tempfile.NamedTemporaryFile(dir=self.options.var, suffix=".log") as log:
            status = resident.run(argv, Path(log.name))
            idle.append(resident)
            return status, Path(log.name).read_text()


def wait_for(child: Child, within: float = 120) -> None:
    """Wait until a child serves; its last log line is the error otherwise."""
    give_up = time.monotonic() + within
    # In a thread of its own: beside a browser, the main one has a running event loop.
    with ThreadPoolExecutor(1) as aside:
        while not aside.submit(lambda: asyncio.run(_as_coroutine(child.serves))).result():
            if child.died() or time.monotonic() > give_up:
                raise RuntimeError(f"{child.spec.label} did not start{last_words(child.spec.log)}")


def stop(child: Child, within: float = 8) -> None:
    """Stop a child, by force after `within` seconds."""
    if child.process is None:
        return
    child.ask_to_stop()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.process.wait(within)
    child.kill()
    child.process.wait()


async def _as_coroutine(call: Callable[[], Awaitable[bool]]) -> bool:
    return await call()


def _build_template(folder: Path, kept: Path) -> None:
    """Migrate, prepare AWS and make the cast, each under the login that does it for real.

    The outcome is put in `kept` when everything has stopped, whole or not at all.
    """
    folder.mkdir()
    log, content = folder / "build.log", folder / "content"
    whole = content / "whole"
    whole.mkdir(parents=True)
    children: list[Child] = []
    try:
        cluster = postgres.open_cluster(whole / "pg", free_port(), log, FAST)
        buckets = Redis(folder / "redis", free_port())
        options = _options(whole)
        aws = replace(_local_aws(options), log=folder / "localaws.log")
        children += [_started(spec) for spec in (cluster.spec(log), buckets.spec(log), aws)]
        for child in children:
            wait_for(child)
        postgres.prepare(cluster, log)
        urls = {login: cluster.url(login) for login in postgres.LOGINS}
        addresses = Addresses(urls, buckets.url, SECRET_KEY)

        def owner(*argv: str) -> None:
            env = child_environment(options, addresses, "owner")
            env["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
            _run([sys.executable, *argv], env, folder / "step.log")

        owner("manage.py", "migrate_tenants", "--verbosity", "0")
        stop(children[0])
        (content / "migrated").mkdir()
        for name in ("pg", "database-passwords.json", "postgres-init.done"):
            _copy(whole / name, content / "migrated" / name)
        children[0] = _started(cluster.spec(log))
        wait_for(children[0])
        owner("manage.py", "provision_aws")
        owner("-m", "tests.support.build")
    finally:
        for child in children:
            stop(child)
    for old in CACHE.glob("template-*"):
        shutil.rmtree(old, ignore_errors=True)
    fresh = CACHE / f"fresh-{os.getpid()}"
    _copy(content, fresh)
    with contextlib.suppress(OSError):  # Another run has put the same one there.
        fresh.rename(kept)
    shutil.rmtree(fresh, ignore_errors=True)


def _options(var: Path) -> Options:
    environ = {"VAR_DIR": str(var), "PORT": "8000", "LOCALAWS_PORT": str(free_port())}
    return Options.from_environment(environ)


def _local_aws(options: Options) -> Spec:
    spec = local_aws(options)
    own = {"LOCALAWS_TOKEN_DELAY_MS": "0", "LOCALAWS_KB_DELAY_MS": "60", "LOCALAWS_CHECK": "1"}
    return replace(spec, env={**spec.env, **own})


def _started(spec: Spec) -> Child:
    child = Child(spec)
    child.start()
    return child


def _run(argv: list[str], env: Mapping[str, str], log: Path) -> None:
    """Run a program of the product to its end.

    Raises RuntimeError with its whole output when it fails.
    """
    with log.open("wb") as out:
        status = subprocess.run(
            argv, env=env, cwd=REPOSITORY, stdout=out, stderr=subprocess.STDOUT, timeout=1800
        ).returncode
    if status:
        raise RuntimeError(f"{' '.join(argv)} failed:\n{log.read_text()}")


def _key() -> str:
    """Return a hash of everything that makes the template."""
    files = [REPOSITORY / "requirements-dev.lock", *(REPOSITORY / "deploy").glob("*.sql")]
    files += [Path(__file__).with_name(name) for name in ("services.py", "build.py", "cast.py")]
    for folder in (REPOSITORY / name for name in SOURCES):
        files += (path for path in folder.rglob("*") if path.suffix in (".py", ".json", ".sql"))
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(REPOSITORY)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _copy(source: Path, target: Path) -> None:
    """Copy a folder with owners and modes, which `shutil.copytree` does not keep."""
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def short_folder() -> Path:
    """Make a folder that the database's user may pass through, but not list.

    In memory where there is room: a database is cloned there in a fifth of the time.
    """
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES
    folder = Path(tempfile.mkdtemp(prefix="tenantry-", dir=MEMORY if roomy else None))
    folder.chmod(0o711)
    return folder
