"""Start the parts in order, keep them alive, and stop them in order.

One coroutine on the main thread does it all: a child's end arrives as SIGCHLD, is seen at once and
answered by a restart. Nothing is lost by a restart, since every part keeps its state on disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from config.stack.console import Console
from config.stack.errors import StackError
from config.stack.process import Child, Spec, last_words

# Seconds that each group has to end by itself. Together they stay below ten: a worker gives its
# task five seconds before putting it back, the web its open requests three.
PATIENCE: tuple[tuple[str, float], ...] = (("ours", 6.5), ("services", 1.2), ("database", 1.2))
LOOK_EVERY = 1.0  # seconds, should a SIGCHLD be lost


@dataclass(slots=True)
class Supervisor:
    """The children by group; groups start and stop as wholes."""

    console: Console
    groups: dict[str, list[Child]] = field(default_factory=dict)
    stopping: bool = False
    failure: asyncio.Future[StackError] | None = None
    _restarts: set[asyncio.Task[None]] = field(default_factory=set)
    _child_ended: asyncio.Event = field(default_factory=asyncio.Event)

    def children(self) -> list[Child]:
        return [child for group in self.groups.values() for child in group]

    def start(self, group: str, spec: Spec) -> Child:
        """Start a child and watch it from now on."""
        child = Child(spec)
        child.start()
        self.groups.setdefault(group, []).append(child)
        return child

    async def ready(self, child: Child, within: float) -> None:
        """Wait until `child` serves.

        Raises StackError when it does not within so many seconds. A child that dies meanwhile is
        restarted by the watch, which gives up on its own terms.
        """
        give_up = time.monotonic() + within
        while not await child.serves():
            if time.monotonic() > give_up:
                raise StackError(
                    f"{child.spec.label} did not answer within {within:.0f} seconds"
                    f"{last_words(child.spec.log)}"
                )
            await asyncio.sleep(0.04)

    async def watch(self) -> None:
        """Restart children that die, until the stack stops.

        Raises StackError when one of them keeps dying.
        """
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._child_ended.set)
        self.failure = loop.create_future()
        handled: set[int] = set()
        while not self.stopping:
            for child in self.children():
                process = child.process
                if process is not None and child.died() and process.pid not in handled:
                    handled.add(process.pid)
                    task = asyncio.create_task(self._restart(child))
                    self._restarts.add(task)
                    task.add_done_callback(self._restarts.discard)
            if self.failure.done():
                raise self.failure.result()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._child_ended.wait()
            self._child_ended.clear()

    async def _restart(self, child: Child) -> None:
        try:
            code = child.process.returncode if child.process else None
            child.kill()  # What a killed parent left in its session.
            wait = child.backoff()
            self.console.say(f"  {child.spec.label} ended ({_ending(code)}) and is started again.")
            await asyncio.sleep(wait)
            if not self.stopping:
                child.start()
        except StackError as error:
            if self.failure is not None and not self.failure.done():
                self.failure.set_result(error)
                self._child_ended.set()

    async def stop(self) -> None:
        """Stop everything, group by group, in under ten seconds.

        Our own processes first, all at once: beat, so that nothing new is scheduled, workers, web.
        """
        self.stopping = True
        for task in self._restarts:
            task.cancel()
        for group, patience in PATIENCE:
            children = list(reversed(self.groups.get(group, [])))
            for child in children:
                child.ask_to_stop()
            await _gone(children, patience)
            for child in children:
                child.kill()
        await _gone(self.children(), 0.5)

    def kill(self) -> None:
        """Kill everything now."""
        self.stopping = True
        for child in self.children():
            child.kill()


async def _gone(children: Sequence[Child], within: float) -> None:
    give_up = time.monotonic() + within
    while any(child.alive() for child in children) and time.monotonic() < give_up:
        await asyncio.sleep(0.02)


async def all_of(*steps: asyncio.Task[None]) -> None:
    """Wait for all steps; the first failure cancels the others and is raised."""
    try:
        await asyncio.gather(*steps)
    finally:
        await cancelled(steps)


async def cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait until they are over, but not longer than a moment: stopping goes on."""
    pending = [task for task in tasks if not task.done()]
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending, timeout=1)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # Seen: it was raised where it mattered, or no longer matters.


def _ending(code: int | None) -> str:
    if code is None:
        return "unknown"
    if code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"
