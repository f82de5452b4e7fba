"""The order of events of `manage.py up`, from the first check to the last process gone."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from config.stack import postgres, redis
from config.stack.console import Console, relative, sign_ins
from config.stack.errors import StackError
from config.stack.options import Options
from config.stack.parts import Addresses, Parts, local_aws, write_environments
from config.stack.ports import bind_web, kept_port, require_free
from config.stack.process import Child, run_once
from config.stack.secrets import kept_secret
from config.stack.supervisor import Supervisor, all_of, cancelled

READY_WITHIN = 60.0  # seconds for one part to answer; a cold machine reads everything from disk
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(kind: type[Stack] | None = None) -> int:
    """Run the stack until it is told to stop; return the exit status."""
    console = Console()
    try:
        options = Options.from_environment(os.environ)
        _make_folders(options)
        with _only_one(options):
            return asyncio.run((kind or Stack)(options, console).run())
    except StackError as error:
        console.out.flush()
        print(f"{error}", file=sys.stderr)
        return 1


def _make_folders(options: Options) -> None:
    try:
        for folder in (options.var, options.var / "log", options.var / "beat"):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StackError(f"{options.var} cannot be written to: {error.strerror}.") from error


@contextlib.contextmanager
def _only_one(options: Options) -> Iterator[None]:
    """Hold the lock of this folder; the kernel lets it go however the process ends."""
    with (options.var / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            pid = lock.read().strip()
            raise StackError(
                f"The stack is already running from {options.var} (process {pid}): stop it with "
                "Ctrl-C or SIGTERM, or set VAR_DIR and PORT for a second one."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@dataclass(slots=True)
class Stack:
    """One run of the stack."""

    options: Options
    console: Console
    supervisor: Supervisor = field(init=False)
    sockets: list[socket.socket] = field(default_factory=list)
    opening: list[asyncio.Task[None]] = field(default_factory=list)
    go: int = -1

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self.console)

    async def run(self) -> int:
        told_to_stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def on_signal() -> None:
            if told_to_stop.is_set():
                self.supervisor.kill()
            told_to_stop.set()

        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, on_signal)
        self._check()
        # What was counted before is over: counters begin again with the processes.
        shutil.rmtree(self.options.var / "metrics", ignore_errors=True)
        (self.options.var / "metrics").mkdir()
        self.console.say("Starting Tenantry")
        waiting = asyncio.create_task(told_to_stop.wait())
        watching = asyncio.create_task(self.supervisor.watch())
        serving = asyncio.create_task(self.serve())
        try:
            await asyncio.wait((waiting, watching, serving), return_when=asyncio.FIRST_COMPLETED)
            for task in (watching, serving):
                if task.done():
                    task.result()
        finally:
            self.supervisor.stopping = True
            await cancelled((serving, watching, *self.opening))
            waiting.cancel()
            for sock in self.sockets:
                sock.close()
            self.console.say("Stopping")
            await self.supervisor.stop()
        self.console.say("Stopped; everything is kept in " + relative(self.options.var))
        return 0

    def _check(self) -> None:
        """Find what would fail later: missing programs and taken ports."""
        options = self.options
        if options.database_urls is None:
            for program in ("postgres", "initdb", "psql"):
                postgres.binary(program)
        if options.redis_url is None:
            redis.binary()
        self.sockets = bind_web(options.port)
        if options.local_aws:
            require_free(options.localaws_port, "LOCALAWS_PORT")

    async def serve(self) -> None:
        """Bring everything up, tell where it is, and stay."""
        options = self.options
        addresses = await self.services()
        parts = Parts(options, addresses)
        write_environments(options, addresses)
        waits, self.go = os.pipe()
        bound = [sock.fileno() for sock in self.sockets]
        web = self.supervisor.start("ours", parts.web(waits, bound))
        with self.console.step("Database schema"):
            await run_once(parts.manage("The migration", "migrate_tenants", "owner"))
        # Whoever finds the product ready finds its demo, so the first start seeds before it serves.
        first = not (options.var / "demo.json").exists()
        if first:
            await self._prepare(parts)
        for sock in self.sockets:
            sock.listen(2048)
        os.close(self.go)
        await self._ready("Web", web)
        if not first:
            await self._prepare(parts)
        self._tell()
        await asyncio.Event().wait()

    async def services(self) -> Addresses:
        """Start what is not given: PostgreSQL, Redis and the local AWS, side by side."""
        options, log = self.options, self.options.var / "log"
        secret_key = kept_secret(options.var / "secret-key")
        steps: list[asyncio.Task[None]] = []
        if options.local_aws:
            child = self.supervisor.start("services", local_aws(options))
            steps.append(asyncio.create_task(self._ready("Local AWS", child)))
        redis_url = options.redis_url
        if redis_url is None:
            server = redis.Redis(options.var / "redis", kept_port(options.var, "redis"))
            child = self.supervisor.start("services", server.spec(log / "redis.log"))
            steps.append(asyncio.create_task(self._ready("Redis", child)))
            redis_url = server.url
        database_urls = options.database_urls
        if database_urls is None:
            port = kept_port(options.var, "postgres")
            with self.console.step("PostgreSQL"):
                cluster = await asyncio.to_thread(
                    postgres.open_cluster, options.var / "pg", port, log / "postgres-init.log"
                )
                child = self.supervisor.start("database", cluster.spec(log / "postgres.log"))
                await self.supervisor.ready(child, READY_WITHIN)
                await asyncio.to_thread(postgres.prepare, cluster, log / "postgres-init.log")
            database_urls = {login: cluster.url(login) for login in postgres.LOGINS}
        self.opening = steps
        token = kept_secret(options.var / "metrics-token")
        return Addresses(database_urls, redis_url, secret_key, token)

    async def _prepare(self, parts: Parts) -> None:
        """What AWS needs, then the workers, then the demo, whose documents the workers read."""
        await all_of(*self.opening)
        with self.console.step("AWS resources"):
            command = "provision_aws"
            if self.options.local_aws:  # its own model quotes; one put behind it can do more
                able = "full" if os.environ.get("LOCAL_MODEL_URL") else "extractive"
                command += f" --abilities {able}"
            await run_once(parts.manage("Preparing AWS", command, "owner"))
        for spec in parts.workers():
            self.supervisor.start("ours", spec)
        with self.console.step("Demo workspaces"):
            await run_once(parts.manage("Seeding the demo", "seed_demo", "owner"))

    async def _ready(self, name: str, child: Child) -> None:
        with self.console.step(name):
            await self.supervisor.ready(child, READY_WITHIN)

    def _tell(self) -> None:
        options, say = self.options, self.console.say
        say()
        say(f"Ready at http://{options.base_host}:{options.port}")
        demo = options.var / "demo.json"
        if demo.exists():
            say()
            for line in sign_ins(json.loads(demo.read_text())):
                say(line)
            say()
        say(f"Logs are in {relative(options.var / 'log')}; Ctrl-C stops everything.")
