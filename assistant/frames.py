"""The frames of a turn: numbered, kept in Redis for a while, and handed to whoever listens.

A frame's `seq` grows within a conversation: the turn's number times SPAN, plus STEP for each frame.
So numbers never repeat, even after a crash, and nothing has to be stored to know the next one;
those between two steps are left for what concerns one socket alone, like an error about its own
request. Frames of a conversation stand in one Redis Stream under their own numbers, so that any
process can replay them from any point; listeners in the same process get them from memory, without
a hop. They are kept beside the turn, by a thread of the process: no word waits for Redis. The same
thread tells of steps, so that the socket's event loop and the turn's thread do not compute at once
while the first word is on its way.
"""

import json
import threading
import time
from queue import SimpleQueue
from typing import Any, Final
from uuid import UUID

import redis
import structlog

from tenants.context import TenantContext, entered
from tenants.liveframes import STEPS, Frame, LiveFrames
from tenants.redis import redis_client, tenant_key

STEP: Final = 1_000
SPAN: Final = 1_000_000_000
KEPT_SECONDS: Final = 3600
KEPT_FRAMES: Final = 20_000
GATHERED: Final = 0.02  # seconds: then frames are kept by one message to Redis, and steps told
REDIS_PAUSE: Final = 2.0  # seconds without a try after Redis failed: an answer does not wait for it
ENDS: Final = ("turn.finished", "error")  # one of them is a turn's last frame

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


class TurnFrames(LiveFrames):
    """The frames of one running turn."""

    def __init__(self, tenant: TenantContext, conversation_id: UUID, turn_number: int) -> None:
        super().__init__(first_seq(turn_number), STEP)
        with entered(tenant):
            self._key = stream_key(conversation_id)
        self._unkept: list[Frame] = []
        self._due = False  # a thread will keep what is unkept
        self._keeping = threading.Lock()
        self._pause_until = 0.0

    @property
    def ended(self) -> bool:
        """Whether the last frame so far is one that ends a turn."""
        return bool(self._frames) and self._frames[-1]["type"] in ENDS

    def _may_wait(self, kind: str) -> bool:
        return kind in STEPS

    def _keep(self, frame: Frame) -> None:
        """Have the frame kept soon; the last one, and all before it, when this returns."""
        with self._lock:
            self._unkept.append(frame)
            due, self._due = self._due, True
        if frame["type"] in ENDS:
            self.keep()
        elif not due:
            _keeper_start()
            _due.put(self)

    def keep(self) -> None:
        """Append to the stream. Losing Redis costs other processes the replay, not the answer."""
        with self._keeping:
            with self._lock:
                self._due = False
                frames = list(self._unkept)
            if not frames or time.monotonic() < self._pause_until:
                return
            try:
                pipe = redis_client().pipeline(transaction=False)
                for each in frames:
                    _add(pipe, self._key, each)
                pipe.expire(self._key, KEPT_SECONDS)
                pipe.execute()
            except redis.RedisError as error:
                self._pause_until = time.monotonic() + REDIS_PAUSE
                log.warning("frames.not_kept", error=type(error).__name__)
                return
            with self._lock:
                del self._unkept[: len(frames)]

    def withdraw(self, **members: Any) -> None:
        """Forget every word shown, here and in Redis, and tell the listeners to."""
        with self._lock:
            self._frames = [frame for frame in self._frames if frame["type"] != "delta"]
        with self._keeping:  # what is being kept now goes too
            with self._lock:
                self._unkept.clear()
            try:
                redis_client().delete(self._key)
            except redis.RedisError as error:
                # The stream would outlive the withdrawal, so it is at least not added to.
                log.error("frames.not_withdrawn", error=type(error).__name__)
        self.send("withdrawn", **members)


_due: "SimpleQueue[TurnFrames]" = SimpleQueue()
_keeper: threading.Thread | None = None
_keeper_lock = threading.Lock()


def _keeper_start() -> None:
    global _keeper
    with _keeper_lock:
        if _keeper is None:
            _keeper = threading.Thread(target=_keep_due, name="frame-keeper", daemon=True)
            _keeper.start()


def _keep_due() -> None:
    """Keep what turns have said, for all turns of this process."""
    while True:
        frames = _due.get()
        time.sleep(GATHERED)
        try:
            frames.tell()
            frames.keep()
        except Exception:  # whatever it is, other turns' frames are kept
            log.exception("frames.not_kept")


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
