"""Environments of their own for what is tested with, or measured beside, and is no part of ours."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / "var" / "clients"
INSTALL_SECONDS = 900


class Failed(Exception):
    """What could not be installed, did not end well, or took too long; says what it printed."""


def environment_of(name: str, lock: Path) -> Path:
    """Return the Python of an environment that holds what the lock says, made if need be.

    Raises Failed.
    """
    place = ENVIRONMENTS / name
    python = place / "bin" / "python"
    if stale(place, lock):
        shutil.rmtree(place, ignore_errors=True)
        # Our pip installs, which spares each one of its own.
        run([sys.executable, "-m", "venv", "--without-pip", str(place)], INSTALL_SECONDS)
        pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
        install = [*pip, "install", "--quiet", "--no-input", "--require-hashes"]
        run([*install, "--requirement", str(lock)], INSTALL_SECONDS)
        fresh(place, lock)
    return python


def _sum(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def stale(place: Path, lock: Path) -> bool:
    stamp = place / "lock.sha256"
    return not stamp.exists() or stamp.read_text() != _sum(lock)


def fresh(place: Path, lock: Path) -> None:
    (place / "lock.sha256").write_text(_sum(lock))


def run(
    command: list[str], seconds: int, *, env: dict[str, str] | None = None, cwd: Path = ROOT
) -> str:
    """The last line of what a command says; all of it where it fails."""
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            said, _ = running.communicate(timeout=seconds)
        except BaseException as stopped:
            # Its children too: one that lives would hold the pipe open.
            os.killpg(running.pid, signal.SIGKILL)
            if not isinstance(stopped, subprocess.TimeoutExpired):
                raise
            said, _ = running.communicate()
            told = f"{' '.join(command)}\ntook longer than {seconds} s and was ended.\n{said}"
            raise Failed(told) from None
    if running.returncode:
        raise Failed(f"{' '.join(command)}\nended with {running.returncode}.\n{said}")
    return said if "node" in command[0] else (said.strip().splitlines() or [""])[-1]
