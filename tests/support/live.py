"""The whole product as `manage.py up` runs it, for browser and crash tests."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import redis

from config.stack.options import REPOSITORY
from config.stack.ports import LOOPBACK, free_port
from tests.support.localaws import LocalAws
from tests.support.plain import NO_TLS

QUICK = "tests.support.livesettings"
START_WITHIN = 90  # seconds


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody of `demo.json`."""

    slug: str
    url: str
    email: str
    password: str
    role: str
    api_key: str

    @property
    def host(self) -> str:
        """Return the workspace's host with its port, as a browser would send it."""
        return self.url.removeprefix("http://")


@dataclass
class LiveStack:
    """One `manage.py up` in a folder and on ports of its own."""

    var: Path
    port: int = field(default_factory=free_port)
    localaws_port: int = field(default_factory=free_port)
    more: Mapping[str, str] = field(default_factory=dict)
    settings: str = "config.settings.local"
    process: subprocess.Popen[str] | None = None
    demo: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def tenant_url(self, slug: str) -> str:
        """Return a workspace's address; browsers resolve it, Python does not (see `http`)."""
        return f"http://{slug}.localhost:{self.port}"

    def start(self) -> None:
        """Start it and wait until it says that it is ready.

        Raises RuntimeError with what it printed when it ends instead.
        """
        inherited = ("DATABASE_", "REDIS_URL", "AWS_", "DJANGO_SETTINGS_MODULE", "SECRET_KEY")
        env = {k: v for k, v in os.environ.items() if not k.startswith(inherited)}
        env |= {
            "VAR_DIR": str(self.var),
            "PORT": str(self.port),
            "LOCALAWS_PORT": str(self.localaws_port),
            "DJANGO_SETTINGS_MODULE": self.settings,
            **self.more,
        }
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=REPOSITORY,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout
        printed: list[str] = []
        for line in self.process.stdout:
            printed.append(line)
            if line.startswith("Logs are in"):
                break
        else:
            raise RuntimeError("The stack did not start:\n" + "".join(printed))
        self.demo = json.loads((self.var / "demo.json").read_text())

    def get(self, path: str, host: str = "localhost") -> int:
        """Return the status of GET `path` at `host` (`acme.localhost`, say)."""
        headers = {"Host": f"{host}:{self.port}"}
        url = f"http://{LOOPBACK}:{self.port}{path}"
        answer = httpx.get(url, headers=headers, timeout=60, trust_env=False, verify=NO_TLS)
        return answer.status_code

    def stop(self, within: float = 60) -> int:
        """Stop it as an operator would and return its exit status."""
        self.aws.close()
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode

    # Its people

    def person(self, slug: str, role: str) -> DemoPerson:
        """Return who has the role in the demo workspace."""
        tenant = next(each for each in self.demo["tenants"] if each["slug"] == slug)
        user = next(each for each in tenant["users"] if each["role"] == role)
        return DemoPerson(slug=slug, url=tenant["url"], **user)

    def http(self, person: DemoPerson, *, key: str | None = None, **more: Any) -> httpx.Client:
        """Return a client of the person's host that sends the person's key, or another one.

        With `key=""` it sends none.
        """
        secret = person.api_key if key is None else key
        headers = {"Host": person.host}
        if secret:
            headers["Authorization"] = f"Bearer {secret}"
        options: dict[str, Any] = {"timeout": 60, "trust_env": False, "verify": NO_TLS, **more}
        return httpx.Client(base_url=f"http://{LOOPBACK}:{self.port}", headers=headers, **options)

    def session(self, person: DemoPerson) -> str:
        """Sign the person in through the form and return the value of the session's cookie."""
        with self.http(person, key="") as client:
            client.get("/sign-in/")
            form = {
                "email": person.email,
                "password": person.password,
                "csrfmiddlewaretoken": client.cookies["csrf"],
            }
            origin = {"Origin": person.url}
            answer = client.post("/sign-in/", data=form, headers=origin)
            assert answer.status_code == 302, answer.text
            return client.cookies["session"]

    # Its parts

    @cached_property
    def aws(self) -> LocalAws:
        """The local AWS's control port."""
        return LocalAws(f"http://{LOOPBACK}:{self.localaws_port}")

    def part(self, name: str) -> psutil.Process:
        """Return a running part: web, worker, redis or postgres. Raises LookupError."""
        assert self.process
        marks = {
            "web": "config.stack.web",
            "worker": "default@",
            "redis": "redis-server",  # its own title: the folder no longer stands in it
            "postgres": str(self.var / "pg"),
        }
        for child in psutil.Process(self.process.pid).children():
            try:
                if any(marks[name] in word for word in child.cmdline()):
                    return child
            except psutil.NoSuchProcess:
                continue
        raise LookupError(f"{name} does not run")

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a query as the superuser, whom no policy filters; placeholders are %s."""
        with self._database() as connection:
            return connection.execute(statement, values or None).fetchall()

    def execute(self, statement: str, *values: Any) -> int:
        """Change rows as the superuser; return how many."""
        with self._database() as connection:
            return connection.execute(statement, values or None).rowcount

    def refill(self, slug: str) -> None:
        """Fill the workspace's buckets of requests and tokens again."""
        [(tenant,)] = self.sql("SELECT id FROM registry_tenant WHERE slug = %s", slug)
        port = json.loads((self.var / "ports.json").read_text())["redis"]
        with redis.Redis(host=LOOPBACK, port=port) as client:
            for key in client.scan_iter(match=f"tenant:{tenant.hex}:*", count=1000):
                client.delete(key)

    def _database(self) -> psycopg.Connection[tuple[Any, ...]]:
        passwords = json.loads((self.var / "database-passwords.json").read_text())
        port = json.loads((self.var / "ports.json").read_text())["postgres"]
        url = f"postgresql://postgres:{passwords['postgres']}@{LOOPBACK}:{port}/tenantry"
        return psycopg.connect(url, connect_timeout=20)

    def environment(self, login: str) -> dict[str, str]:
        """Return the environment of a process beside the running stack, under one of its logins."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("DATABASE_", "AWS_"))}
        for line in (self.var / "env" / f"{login}.env").read_text().splitlines():
            name, _, value = line.partition("=")
            env[name] = "".join(shlex.split(value))
        env |= {"DJANGO_SETTINGS_MODULE": self.settings, "VAR_DIR": str(self.var)}
        env |= {"PORT": str(self.port), "LOCALAWS_PORT": str(self.localaws_port)}
        return env

    def manage(self, login: str, *arguments: str) -> str:
        """Run a management command beside the running stack, under one of its logins.

        Returns what it printed; fails with it when the command fails.
        """
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=REPOSITORY,
            env=self.environment(login),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout
