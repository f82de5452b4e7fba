"""Each process by itself, as a container starts it, and the files that say which there are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from config.stack.options import REPOSITORY
from config.stack.parts import CELERY, DATABASE_VARIABLES
from config.stack.ports import free_port
from tests.support.services import Worker
from tests.support.waiting import eventually

DEPLOY = REPOSITORY / "deploy"
LOGINS = {"web": "app", **{name: login for name, (login, _) in CELERY.items()}}


@contextmanager
def started(name: str, env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run one process; it is killed if the test leaves it running."""
    argv = [sys.executable, "-m", "config.stack.start", name]
    with log.open("wb") as out:
        process = subprocess.Popen(argv, cwd=REPOSITORY, env=env, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ends(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    assert process.wait(60) == 0


def test_the_web_serves_alone_and_ends_when_asked(worker: Worker, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "web.log"
    env = {**worker.environment("app"), "LISTEN_PORT": str(port)}

    def ready() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    with started("web", env, log) as process:
        eventually(ready, within=60)
        page = httpx.get(
            f"http://127.0.0.1:{port}/sign-in/",
            headers={"Host": "acme.localhost:8000"},
            timeout=60,
        )
        assert page.status_code == 200
        ends(process)


def test_a_worker_takes_its_own_login_alone(worker: Worker, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    env = {k: v for k, v in worker.environment("ops").items() if k != "DATABASE_LOGIN"}
    assert [name for name in DATABASE_VARIABLES.values() if name in env] == ["DATABASE_OPS_URL"]

    def ready() -> bool:
        assert process.poll() is None, log.read_text()
        return "ready" in log.read_text()

    with started("worker-ops", env, log) as process:
        eventually(ready, within=60)
        ends(process)


def test_an_unknown_process_is_refused_with_those_there_are() -> None:
    argv = [sys.executable, "-m", "config.stack.start", "wep"]
    said = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert said.returncode == 2
    assert "There is no process 'wep'; there are: web, worker" in said.stderr


def test_the_chart_and_the_compose_file_run_every_process_under_its_own_login() -> None:
    values = yaml.safe_load((DEPLOY / "helm/tenantry/values.yaml").read_text())
    assert {name: each["login"] for name, each in values["processes"].items()} == LOGINS
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for name, login in LOGINS.items():
        assert services[name]["command"] == [name]
        urls = [key for key in services[name]["environment"] if key in DATABASE_VARIABLES.values()]
        assert urls == [DATABASE_VARIABLES[login]]


@pytest.mark.parametrize("name", ["DATABASE_URL", "SECRET_KEY", "REDIS_URL"])
def test_what_is_not_set_is_named(worker: Worker, name: str) -> None:
    env = {k: v for k, v in worker.environment("app").items() if k != name}
    env["LISTEN_PORT"] = str(free_port())
    argv = [sys.executable, "-m", "config.stack.start", "web"]
    said = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=60)
    assert said.returncode == 1
    assert f"{name} is not set" in said.stderr
