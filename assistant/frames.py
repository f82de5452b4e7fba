"""The frames of a turn: numbered, kept in Redis for a while, and handed to whoever listens.

A frame's `seq` grows within a conversation: the turn's number times SPAN, plus STEP for each frame.
So numbers never repeat, even after a crash, and nothing has to be stored to know the next one;
those between two steps are left for what concerns one socket alone, like an error about its own
request. Frames of a conversation stand in one Redis Stream under their own numbers, so that any
process can replay them from any point; listeners in the same process get them from memory, without
a hop.
"""

import json
import threading
import time
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import redis
import structlog

from tenants.context import TenantContext, entered
from tenants.redis import redis_client, tenant_key

STEP: Final = 1_000
SPAN: Final = 1_000_000_000
KEPT_SECONDS: Final = 3600
KEPT_FRAMES: Final = 20_000
REDIS_PAUSE: Final = 2.0  # seconds without a try after Redis failed: an answer does not wait for it
ENDS: Final = ("turn.finished", "error")  # one of them is a turn's last frame

Frame = dict[str, Any]
Listener = Callable[[Frame | None], None]  # None: no frame follows
log = structlog.get_logger(__name__)


def first_seq(turn_number: int) -> int:
    """Return the number that all frames of the turn come after."""
    return turn_number * SPAN


def last_seq(turn_number: int) -> int:
    """Return the number after all frames of the turn; its end, told from the database, has it."""
    return (turn_number + 1) * SPAN - STEP


def turn_of(seq: int) -> int:
    """Return the number of the turn that a frame belongs to."""
    return seq // SPAN


def stream_key(conversation_id: UUID) -> str:
    """Return the Redis key of the conversation's frames, in the entered tenant."""
    return tenant_key("frames", conversation_id.hex)


class LiveFrames:
    """Numbered frames, written by one thread, read by any number of listeners."""

    def __init__(self, first: int = 0, step: int = 1) -> None:
        self._seq = first
        self._step = step
        self._frames: list[Frame] = []
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
            for listener in self._listeners:
                listener(frame)
        if kind not in ("turn.started", "tool"):
            self._decided.set()
        self._keep(frame)
        return frame

    def _keep(self, frame: Frame) -> None:
        """Keep a frame for readers in other processes; here there are none."""

    def listen(self, listener: Listener, after: int = 0) -> Callable[[], None]:
        """Call `listener` with every frame after `after`, past and to come; return how to stop.

        The listener runs in the writer's thread, must not block and must not raise. After the last
        frame it gets None.
        """
        with self._lock:
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
            for listener in self._listeners:
                listener(None)
        self._decided.set()

    def wait(self, timeout: float) -> bool:
        """Wait until no frame follows; return whether that is so."""
        return self._finished.wait(timeout)

    def wait_decided(self, timeout: float) -> bool:
        """Wait until it is clear whether there will be an answer: a first word, or an error."""
        return self._decided.wait(timeout)

    @property
    def ended(self) -> bool:
        """Whether the last frame so far is one that ends a turn."""
        return bool(self._frames) and self._frames[-1]["type"] in ENDS


class TurnFrames(LiveFrames):
    """The frames of one running turn."""

    def __init__(self, tenant: TenantContext, conversation_id: UUID, turn_number: int) -> None:
        super().__init__(first_seq(turn_number), STEP)
        with entered(tenant):
            self._key = stream_key(conversation_id)
        self._unkept: list[Frame] = []
        self._pause_until = 0.0

    def _keep(self, frame: Frame) -> None:
        """Append to the stream. Losing Redis costs other processes the replay, not the answer."""
        self._unkept.append(frame)
        if time.monotonic() < self._pause_until:
            return
        try:
            pipe = redis_client().pipeline(transaction=False)
            for each in self._unkept:
                _add(pipe, self._key, each)
            pipe.expire(self._key, KEPT_SECONDS)
            pipe.execute()
            self._unkept.clear()
        except redis.RedisError as error:
            self._pause_until = time.monotonic() + REDIS_PAUSE
            log.warning("frames.not_kept", error=type(error).__name__)

    def withdraw(self, **members: Any) -> None:
        """Forget every word shown, here and in Redis, and tell the listeners to."""
        with self._lock:
            self._frames = [frame for frame in self._frames if frame["type"] != "delta"]
        self._unkept.clear()
        try:
            redis_client().delete(self._key)
        except redis.RedisError as error:
            # The stream would outlive the withdrawal, so it is at least not added to.
            log.error("frames.not_withdrawn", error=type(error).__name__)
        self.send("withdrawn", **members)


def _add(pipe: Any, key: str, frame: Frame) -> None:
    pipe.xadd(
        key, {b"f": json.dumps(frame)}, id=f"{frame['seq']}-1", maxlen=KEPT_FRAMES, approximate=True
    )


def frame_keep(conversation_id: UUID, frame: Frame) -> None:
    """Append a frame for the readers of other processes, for a turn whose own process is gone."""
    try:
        pipe = redis_client().pipeline(transaction=False)
        _add(pipe, stream_key(conversation_id), frame)
        pipe.expire(stream_key(conversation_id), KEPT_SECONDS)
        pipe.execute()
    except redis.RedisError as error:
        log.warning("frames.not_kept", error=type(error).__name__)


def frames_forget(conversation_id: UUID) -> None:
    """Remove the kept frames of a conversation."""
    try:
        redis_client().delete(stream_key(conversation_id))
    except redis.RedisError as error:
        log.warning("frames.not_forgotten", error=type(error).__name__)


def frames_after(conversation_id: UUID, after: int) -> list[Frame]:
    """Return kept frames after `after`, in order; none when Redis has lost them or is away."""
    try:
        entries: Any = redis_client().xrange(stream_key(conversation_id), min=f"({max(after, 0)}-1")
    except redis.RedisError as error:
        log.warning("frames.not_read", error=type(error).__name__)
        return []
    return [frame_of(fields) for _, fields in entries]


def frame_of(fields: dict[bytes, bytes]) -> Frame:
    """Return the frame in an entry of the stream."""
    frame: Frame = json.loads(fields[b"f"])
    return frame
