"""Numbered frames of something that is being made, handed to whoever listens, as they come."""

import threading
from collections.abc import Callable
from typing import Any, Final, TypeAlias

Frame: TypeAlias = dict[str, Any]
Listener: TypeAlias = Callable[[Frame | None], None]  # None: no frame follows

STEPS: Final = ("turn.started", "tool")  # what comes before it is clear whether there is an answer


class LiveFrames:
    """Numbered frames, written by one thread, read by any number of listeners."""

    def __init__(self, first: int = 0, step: int = 1) -> None:
        self._seq = first
        self._step = step
        self._frames: list[Frame] = []
        self._untold: list[Frame] = []
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()
        self._finished = threading.Event()
        self._decided = threading.Event()

    def send(self, kind: str, **members: Any) -> Frame:
        """Number a frame, hand it to the listeners, then keep it."""
        with self._lock:
            self._seq += self._step
            frame = {"type": kind, "seq": self._seq, **members}
            self._frames.append(frame)
            self._untold.append(frame)
            if not self._may_wait(kind):
                self._tell()
        if kind not in STEPS:
            self._decided.set()
        self._keep(frame)
        return frame

    def _may_wait(self, kind: str) -> bool:
        """Whether listeners get such a frame with the next, or by `tell`; here none waits."""
        return False

    def tell(self) -> None:
        """Hand the listeners what waits."""
        with self._lock:
            self._tell()

    def _tell(self) -> None:
        for frame in self._untold:
            for listener in self._listeners:
                listener(frame)
        self._untold.clear()

    def _keep(self, frame: Frame) -> None:
        """Keep a frame for readers in other processes; here there are none."""

    def listen(self, listener: Listener, after: int = 0) -> Callable[[], None]:
        """Call `listener` with every frame after `after`, past and to come; return how to stop.

        The listener runs in the writer's thread, must not block and must not raise. After the last
        frame it gets None.
        """
        with self._lock:
            self._tell()
            for frame in self._frames:
                if frame["seq"] > after:
                    listener(frame)
            if self._finished.is_set():
                listener(None)
            self._listeners.append(listener)

        def stop() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return stop

    def finish(self) -> None:
        """Say that no frame follows."""
        with self._lock:
            self._finished.set()
            self._tell()
            for listener in self._listeners:
                listener(None)
        self._decided.set()

    def wait(self, timeout: float) -> bool:
        """Wait until no frame follows; return whether that is so."""
        return self._finished.wait(timeout)

    def wait_decided(self, timeout: float) -> bool:
        """Wait until it is clear whether there will be an answer: a first word, or an error."""
        return self._decided.wait(timeout)
