"""The children of the stack and what each may know.

A child receives the address of its own database login and no other: the web process could not act
as the owner if it wanted to.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from config.stack.errors import StackError
from config.stack.http import answers_200
from config.stack.options import DATABASE_VARIABLES, REPOSITORY, Options
from config.stack.ports import LOOPBACK
from config.stack.postgres import binary
from config.stack.process import Spec

Login = Literal["app", "owner", "ops"]
LOGINS: tuple[Login, ...] = ("app", "owner", "ops")

# Celery's processes: each one's database login and its arguments.
_QUIET = "--without-gossip --without-mingle --loglevel INFO"
CELERY: Mapping[str, tuple[Login, str]] = {
    "worker": ("app", f"worker -Q default -c 2 -n default@%h {_QUIET}"),
    "worker-provisioning": (
        "owner",
        f"worker -Q provisioning --pool solo -n provisioning@%h {_QUIET}",
    ),
    "worker-ops": ("ops", f"worker -Q ops --pool solo -n ops@%h {_QUIET}"),
    "beat": ("ops", "beat --pidfile= --loglevel INFO"),
}
# SIGTERM then asks for Celery's soft shutdown, which puts unfinished tasks back in the queue.
SOFT_STOP: Mapping[str, str] = {"REMAP_SIGTERM": "SIGQUIT"}

# A real account's credentials never reach the local server, whose own are no secret.
LOCAL_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
FOREIGN_CREDENTIALS = (
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts are, whether the stack started them or was given them."""

    database_urls: Mapping[str, str]
    redis_url: str
    secret_key: str
    metrics_token: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """Makes the specs of our own processes."""

    options: Options
    addresses: Addresses

    def manage(self, label: str, command: str, login: Login) -> Spec:
        """A management command that runs to its end."""
        argv = [sys.executable, "manage.py", *command.split()]
        return self._spec(command.split()[0].replace("_", "-"), label, argv, login)

    def web(self, go: int, sockets: Sequence[int]) -> Spec:
        """The web process: serves `sockets` once the pipe `go` has ended."""
        options, descriptors = self.options, [go, *sockets]
        host = f"{options.base_host}:{options.port}"

        async def ready() -> bool:
            return await answers_200(options.port, "/readyz", host)

        argv = [sys.executable, "-m", "config.stack.web", *map(str, descriptors)]
        token = {"METRICS_TOKEN": os.environ.get("METRICS_TOKEN") or self.addresses.metrics_token}
        return self._spec(
            "web", "The web process", argv, "app", more=token, fds=descriptors, probe=ready
        )

    def workers(self) -> list[Spec]:
        """Workers and the scheduler."""
        schedule = self.options.var / "beat" / "schedule"
        return [
            self._celery(
                name,
                [*arguments.split(), *(("-s", str(schedule)) if name == "beat" else ())],
                login,
            )
            for name, (login, arguments) in CELERY.items()
        ]

    def _celery(self, name: str, arguments: Sequence[str], login: Login) -> Spec:
        argv = [sys.executable, "-m", "celery", "-A", "config", *arguments]
        return self._spec(name, f"The process {name}", argv, login, more=SOFT_STOP)

    def _spec(
        self,
        name: str,
        label: str,
        argv: Sequence[str],
        login: Login,
        *,
        more: Mapping[str, str] | None = None,
        fds: Sequence[int] = (),
        probe: Callable[[], Awaitable[bool]] | None = None,
    ) -> Spec:
        return Spec(
            name=name,
            label=label,
            argv=argv,
            env={
                **child_environment(self.options, self.addresses, login),
                "PROCESS_NAME": name,
                "PROMETHEUS_MULTIPROC_DIR": str(self.options.var / "metrics"),
                **(more or {}),
            },
            cwd=REPOSITORY,
            log=self.options.var / "log" / f"{name}.log",
            probe=probe,
            pass_fds=fds,
        )


def local_aws(options: Options) -> Spec:
    """The local AWS, on the one public port beside the web's."""

    async def ready() -> bool:
        port = options.localaws_port
        return await answers_200(port, "/_localaws/health", f"{LOOPBACK}:{port}")

    state = options.var / "localaws"
    argv = [sys.executable, "-m", "localaws", "--host", LOOPBACK]
    argv += ["--port", str(options.localaws_port), "--state", str(state)]
    secret = ("DATABASE_", "AWS_", "SECRET_KEY", "REDIS_URL")
    return Spec(
        name="localaws",
        label="Local AWS",
        argv=argv,
        env={k: v for k, v in os.environ.items() if not k.startswith(secret)},
        cwd=REPOSITORY,
        log=options.var / "log" / "localaws.log",
        probe=ready,
    )


def child_environment(options: Options, addresses: Addresses, login: Login) -> dict[str, str]:
    """Return the environment of a child that acts under `login`."""
    env = {k: v for k, v in os.environ.items() if k not in DATABASE_VARIABLES.values()}
    env |= {
        "DJANGO_SETTINGS_MODULE": env.get("DJANGO_SETTINGS_MODULE", "config.settings.local"),
        "PORT": str(options.port),
        "BASE_HOST": options.base_host,
        "VAR_DIR": str(options.var),
        "LOCALAWS_PORT": str(options.localaws_port),
        "SECRET_KEY": env.get("SECRET_KEY") or addresses.secret_key,
        "REDIS_URL": addresses.redis_url,
        "DATABASE_LOGIN": login,
        DATABASE_VARIABLES[login]: addresses.database_urls[login],
        "PYTHONUNBUFFERED": "1",
    }
    if login == "owner" and "PG_DUMP" not in env:
        with contextlib.suppress(StackError):  # else the path's; without any, migrations run
            env["PG_DUMP"] = str(binary("pg_dump"))
    if options.local_aws:
        for name in FOREIGN_CREDENTIALS:
            env.pop(name, None)
        env |= LOCAL_CREDENTIALS
        env["AWS_ENDPOINT_URL"] = f"http://{LOOPBACK}:{options.localaws_port}"
        env.setdefault("AWS_REGION", "us-east-1")
    return env


def write_environments(options: Options, addresses: Addresses) -> None:
    """Write what a command beside the running stack needs, per login, for the shell to read."""
    folder = options.var / "env"
    folder.mkdir(mode=0o700, exist_ok=True)
    for login in LOGINS:
        env = child_environment(options, addresses, login)
        ours = {k: v for k, v in env.items() if os.environ.get(k) != v}
        path = folder / f"{login}.env"
        path.touch(mode=0o600)
        path.write_text("".join(f"{k}={shlex.quote(v)}\n" for k, v in sorted(ours.items())))
