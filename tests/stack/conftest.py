"""A small stack in a folder of its own, asked and killed like the whole one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from config.stack.options import REPOSITORY
from config.stack.ports import free_port
from tests.support.services import short_folder

FOREIGN = ("DATABASE_", "REDIS_URL", "AWS_", "SECRET_KEY", "DJANGO_SETTINGS_MODULE", "LOCALAWS")


def clean_environment(**more: str) -> dict[str, str]:
    """Return this process's environment without what points at the run's servers."""
    return {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)} | more


@dataclass(slots=True)
class SmallStack:
    """A running `tests.support.small_stack`."""

    var: Path
    child: str = "exec sleep 1000"
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it; returns when its servers answer."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.small_stack"],
            cwd=REPOSITORY,
            env=clean_environment(
                VAR_DIR=str(self.var), PORT=str(self.port), LOCALAWS="off", SMALL_CHILD=self.child
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout
        for line in iter(self.process.stdout.readline, ""):
            if line == "Ready\n":
                return
        raise AssertionError("the small stack did not start")

    def members(self) -> dict[str, psutil.Process]:
        """Return the supervisor's children by what they run."""
        assert self.process
        found: dict[str, psutil.Process] = {}
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # it ended since it was listed
                if child.status() != "zombie":
                    found[child.name()] = child
        return found

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement as the owner."""
        passwords = json.loads((self.var / "database-passwords.json").read_text())
        url = f"postgresql://owner:{passwords['owner']}@127.0.0.1:{self._port('postgres')}/tenantry"
        with psycopg.connect(url, connect_timeout=20) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def redis(self) -> redis.Redis:
        return redis.Redis(port=self._port("redis"), socket_timeout=20)

    def _port(self, name: str) -> int:
        return int(json.loads((self.var / "ports.json").read_text())[name])

    def stop(self) -> tuple[int, float]:
        """Send SIGTERM; return the exit status and the seconds it took."""
        assert self.process
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.end(), time.monotonic() - begun

    def end(self) -> int:
        """Wait until it has ended and return its exit status."""
        assert self.process
        try:
            self.process.communicate(timeout=60)
        finally:
            self.process.kill()
        return self.process.returncode


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name that the database's user may reach."""
    made = short_folder()
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def small_stack(folder: Path) -> Iterator[SmallStack]:
    """A small stack, started."""
    stack = SmallStack(folder / "var")
    stack.start()
    yield stack
    if stack.process and stack.process.poll() is None:
        stack.stop()
