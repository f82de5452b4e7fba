"""Talk to the assistant's socket from outside, as a browser's handshake would look."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.sync.client import ClientConnection, connect

from config.stack.ports import LOOPBACK
from tests.support.live import DemoPerson, LiveStack

PATIENCE = 40  # seconds for one frame
ENDS = ("turn.finished", "error")
Frame = dict[str, Any]


@dataclass(slots=True)
class Talk:
    """An open socket and all frames that it has received."""

    connection: ClientConnection
    heard: list[Frame] = field(default_factory=list)

    def say(self, kind: str, **members: Any) -> None:
        self.connection.send(json.dumps({"type": kind, **members}))

    def next(self) -> Frame:
        frame: Frame = json.loads(self.connection.recv(timeout=PATIENCE))
        self.heard.append(frame)
        return frame

    def until(self, *kinds: str) -> list[Frame]:
        """Return the frames up to and with the first of one of these kinds."""
        frames = [self.next()]
        while frames[-1]["type"] not in kinds:
            frames.append(self.next())
        return frames

    def ask(self, text: str) -> list[Frame]:
        """Ask and return all frames of the turn."""
        self.say("ask", text=text)
        return self.until(*ENDS)


@contextmanager
def talking(
    stack: LiveStack,
    person: DemoPerson,
    conversation_id: str,
    *,
    session: str | None = None,
    host: str = "",
    origin: str | None = "own",
) -> Iterator[Talk]:
    """Open a socket with the person's key, or with a session's cookie.

    Raises websockets' InvalidStatus when the handshake is refused.
    """
    host = host or person.host
    headers = {"Cookie": f"session={session}"}
    if session is None:
        headers = {"Authorization": f"Bearer {person.api_key}"}
    with connect(
        f"ws://{host}/ws/assistant/{conversation_id}/",
        sock=socket.create_connection((LOOPBACK, stack.port)),
        origin=f"http://{host}" if origin == "own" else origin,  # type: ignore[arg-type]
        additional_headers=headers,
        compression=None,
        open_timeout=PATIENCE,
        proxy=None,
    ) as connection:
        yield Talk(connection)


def text_of(frames: list[Frame]) -> str:
    """Return the words that arrived."""
    return "".join(frame["text"] for frame in frames if frame["type"] == "delta")


def kinds(frames: list[Frame]) -> list[str]:
    """Return the frames' types, runs of one type once."""
    found: list[str] = []
    for frame in frames:
        if not found or found[-1] != frame["type"]:
            found.append(frame["type"])
    return found
