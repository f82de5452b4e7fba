"""The frames of a turn: numbered, kept in Redis for a while, and handed to whoever listens.

A frame's `seq` grows within a conversation: the turn's number times a million, plus the frame's place.
So numbers never repeat, even after a crash, and nothing has to be stored to know the next one. Frames
of a conversation stand in one Redis Stream under their own numbers, so that any process can replay
them from any point; listeners in the same process get them from memory, without a hop.
"""

import json
import threading
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import redis
import structlog

from tenants.context import TenantContext, entered
from tenants.redis import redis_client, tenant_key

SPAN: Final = 1_000_000  # frames that one turn can have
KEPT_SECONDS: Final = 3600
KEPT_FRAMES: Final = 20_000

Frame = dict[str, Any]
Listener = Callable[[Frame], None]
log = structlog.get_logger(__name__)


def first_seq(turn_number: int) -> int:
    """Return the number that all frames of the turn come after."""
    return turn_number * SPAN


def stream_key(conversation_id: UUID) -> str:
    """Return the Redis key of the conversation's frames, in the entered tenant."""
    return tenant_key("frames", conversation_id.hex)


class TurnFrames:
    """The frames of one running turn, written by its thread, read by any number of listeners."""

    def __init__(self, tenant: TenantContext, conversation_id: UUID, turn_number: int) -> None:
        with entered(tenant):
            self._key = stream_key(conversation_id)
        self._seq = first_seq(turn_number)
        self._frames: list[Frame] = []
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()
        self._finished = threading.Event()

    def send(self, kind: str, **members: Any) -> Frame:
        """Number a frame, hand it to the listeners, then keep it."""
        with self._lock:
            self._seq += 1
            frame = {"type": kind, "seq": self._seq, **members}
            self._frames.append(frame)
            for listener in self._listeners:
                listener(frame)
        self._keep(frame)
        return frame

    def _keep(self, frame: Frame) -> None:
        """Append to the stream. Losing Redis costs other processes the replay, not the answer."""
        try:
            pipe = redis_client().pipeline(transaction=False)
            pipe.xadd(
                self._key,
                {b"f": json.dumps(frame)},
                id=f"{frame['seq']}-1",
                maxlen=KEPT_FRAMES,
                approximate=True,
            )
            pipe.expire(self._key, KEPT_SECONDS)
            pipe.execute()
        except redis.RedisError as error:
            log.warning("frames.not_kept", error=type(error).__name__)

    def listen(self, listener: Listener, after: int) -> Callable[[], None]:
        """Call `listener` with every frame after `after`, past and to come; return how to stop.

        The listener runs in the turn's thread and must not block.
        """
        with self._lock:
            for frame in self._frames:
                if frame["seq"] > after:
                    listener(frame)
            self._listeners.append(listener)

        def stop() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return stop

    def finish(self) -> None:
        """Say that no frame follows."""
        self._finished.set()

    def wait(self, timeout: float) -> bool:
        """Wait until the turn has ended; return whether it has."""
        return self._finished.wait(timeout)


def frames_after(conversation_id: UUID, after: int, *, block_ms: int | None = None) -> list[Frame]:
    """Return kept frames after `after`, in order; with `block_ms`, wait that long for the next.

    Raises redis.RedisError.
    """
    key = stream_key(conversation_id)
    if block_ms is None:
        entries = redis_client().xrange(key, min=f"({after}-1" if after else "-")
    else:
        found = redis_client().xread({key: f"{after}-1"}, block=block_ms)
        entries = found[0][1] if found else []
    return [json.loads(fields[b"f"]) for _, fields in entries]
