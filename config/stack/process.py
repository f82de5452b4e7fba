"""One supervised child process: started apart, logged to a file, watched, restarted.

A child stands in a session of its own, so that Ctrl-C in the terminal reaches the supervisor alone,
which then stops the parts in order. On Linux the kernel also signals it when the supervisor dies
(`PR_SET_PDEATHSIG`), however it dies; that signal is tied to the *thread* that started the child,
so children are started from the main thread only.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from config.stack.errors import StackError
from config.stack.identity import Identity

LOG_LIMIT = 5_000_000  # bytes; a longer log is set aside as NAME.log.1 when the child starts
DEATHS = 5
DEATHS_WITHIN = 30.0  # seconds
LONGEST_BACKOFF = 2.0  # seconds

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Spec:
    """What to run. `probe` says whether it serves; without one, running counts as ready."""

    name: str
    label: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    probe: Callable[[], Awaitable[bool]] | None = None
    before_start: Callable[[], None] | None = None
    identity: Identity | None = None
    pass_fds: Sequence[int] = ()
    stop_signal: signal.Signals = signal.SIGTERM


@dataclass(slots=True)
class Child:
    """A running `Spec`."""

    spec: Spec
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=DEATHS))

    def start(self) -> None:
        """Start the process; its output goes to the log file."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("children are started from the main thread (PR_SET_PDEATHSIG)")
        if self.spec.before_start:
            self.spec.before_start()
        self.process = spawn(self.spec)
        self.starts += 1

    def died(self) -> bool:
        """Say whether the process has ended since it was started."""
        return self.process is not None and self.process.poll() is not None

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def backoff(self) -> float:
        """Record a death and return the seconds to wait before the next start.

        Raises StackError when it has died too often to go on.
        """
        now = time.monotonic()
        self.deaths.append(now)
        recent = [death for death in self.deaths if now - death < DEATHS_WITHIN]
        if len(recent) >= DEATHS:
            raise StackError(
                f"{self.spec.label} died {DEATHS} times within {DEATHS_WITHIN:.0f} seconds"
                f"{last_words(self.spec.log)}"
            )
        return 0.0 if len(recent) == 1 else min(LONGEST_BACKOFF, 0.25 * 2 ** (len(recent) - 2))

    def ask_to_stop(self) -> None:
        if self.process is not None and self.alive():
            self.process.send_signal(self.spec.stop_signal)

    def kill(self) -> None:
        """Kill the process and whatever it left in its session."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()

    async def serves(self) -> bool:
        if not self.alive():
            return False
        return self.spec.probe is None or await self.spec.probe()


def spawn(spec: Spec) -> subprocess.Popen[bytes]:
    """Start `spec` in a session of its own."""
    rotate(spec.log)
    who = spec.identity
    with spec.log.open("ab", buffering=0) as log:
        try:
            return subprocess.Popen(
                list(spec.argv),
                env=dict(spec.env),
                cwd=spec.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=tuple(spec.pass_fds),
                user=who.uid if who else None,
                group=who.gid if who else None,
                extra_groups=[] if who else None,
                preexec_fn=_die_with_parent(spec.stop_signal),
            )
        except OSError as error:
            raise StackError(f"{spec.label} could not be started: {error}.") from error


def _die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """Return what a forked child runs before its program, after it has changed its user."""
    if _libc is None:
        return None
    libc, parent, number = _libc, os.getpid(), int(death_signal)

    def arrange() -> None:
        libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # It died between fork and prctl.
            os._exit(1)

    return arrange


def rotate(log: Path) -> None:
    """Set a long log aside."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))


def last_words(log: Path) -> str:
    """Return ': <last line> (see <log>)' of a log, or where to look when it is empty."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    except OSError:
        return "."
    line = next((line for line in reversed(lines) if line), "")
    return f": {line[:300]} (see {log})" if line else f" (its log {log} is empty)."


async def run_once(spec: Spec) -> None:
    """Run a command to its end.

    Raises StackError with its last line when it fails; cancelling kills it.
    """
    process = spawn(spec)
    try:
        while process.poll() is None:
            await asyncio.sleep(0.02)
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode:
        raise StackError(f"{spec.label} failed{last_words(spec.log)}")
