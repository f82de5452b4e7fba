"""Talk to the assistant as one of the cast, over real sockets and HTTP."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from django.db import connection
from websockets.sync.client import ClientConnection, connect

from assistant.models import Conversation, Message
from assistant.services import conversation_create
from tenants.context import Actor, entered
from tests.support.cast import Person
from tests.support.clients import browser_of, tenant_of, user_of
from tests.support.plain import NO_TLS

PATIENCE = 40  # seconds, on a machine that does other things


@dataclass(frozen=True, slots=True)
class Server:
    """The product on a port of this machine."""

    port: int

    def wait(self) -> None:
        """Return when it serves."""
        transport = httpx.HTTPTransport(retries=20, verify=NO_TLS)
        with httpx.Client(transport=transport, trust_env=False) as client:
            client.get(f"http://127.0.0.1:{self.port}/healthz", timeout=PATIENCE)

    def host(self, person: Person) -> str:
        return f"{person.host}:{self.port}"

    def http(self, person: Person) -> httpx.Client:
        """Return a client with the person's key."""
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Host": self.host(person), "Authorization": f"Bearer {person.key}"},
            timeout=PATIENCE,
            trust_env=False,
            verify=NO_TLS,
        )


@dataclass(slots=True)
class Talk:
    """An open socket and the frames it has received."""

    connection: ClientConnection
    heard: list[dict[str, Any]] = field(default_factory=list)

    def say(self, kind: str, **members: Any) -> None:
        self.connection.send(json.dumps({"type": kind, **members}))

    def next(self, timeout: float = PATIENCE) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(self.connection.recv(timeout=timeout))
        self.heard.append(frame)
        return frame

    def until(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the frames up to and with the first of one of these kinds."""
        frames = [self.next()]
        while frames[-1]["type"] not in kinds:
            frames.append(self.next())
        return frames

    def ask(self, text: str) -> list[dict[str, Any]]:
        """Ask and return all frames of the turn."""
        self.say("ask", text=text)
        return self.until("turn.finished", "error")


def session_of(person: Person) -> str:
    """Return the session cookie of a person who has signed in."""
    return browser_of(person).cookies["session"].value


@contextmanager
def talking(
    server: Server,
    person: Person,
    conversation_id: UUID | str,
    *,
    cookie: str | None = None,
    key: str = "",
    host: str = "",
    origin: str | None = "same",
    path: str = "",
) -> Iterator[Talk]:
    """Open a socket as the person. Raises websockets' InvalidStatus when it is refused."""
    host = host or server.host(person)
    headers = {}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    else:
        value = session_of(person) if cookie is None else cookie
        if value:
            headers["Cookie"] = f"session={value}"
    with connect(
        f"ws://{host}/{path or f'ws/assistant/{conversation_id}/'}",
        sock=socket.create_connection(("127.0.0.1", server.port)),
        origin=f"http://{host}" if origin == "same" else origin,  # type: ignore[arg-type]
        additional_headers=headers,
        compression=None,
        open_timeout=PATIENCE,
        proxy=None,
    ) as opened:
        yield Talk(opened)


def actor_for(person: Person) -> Actor:
    return Actor(user_of(person).id, person.role, "session")


def conversation_for(person: Person, title: str = "") -> UUID:
    """Make a conversation of the person's own."""
    with entered(tenant_of(person)):
        return conversation_create(actor=actor_for(person), title=title).id


def said_in(person: Person, conversation_id: UUID | str) -> list[Message]:
    """Return the conversation's messages in order."""
    with entered(tenant_of(person)):
        return list(Message.objects.filter(conversation_id=conversation_id).order_by("position"))


def title_of(person: Person, conversation_id: UUID | str) -> str:
    with entered(tenant_of(person)):
        return Conversation.objects.get(id=conversation_id).title


def text_of(frames: list[dict[str, Any]]) -> str:
    """Return the words that arrived."""
    return "".join(frame["text"] for frame in frames if frame["type"] == "delta")


def kinds(frames: list[dict[str, Any]]) -> list[str]:
    """Return the frames' types, runs of one type once."""
    found: list[str] = []
    for frame in frames:
        if not found or found[-1] != frame["type"]:
            found.append(frame["type"])
    return found


def aside(work: Callable[[], object]) -> None:
    """Do the work in a thread of its own: beside a browser's event loop, which the main one has."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(run).result(PATIENCE)


def eventually(holds: Callable[[], bool], within: float = PATIENCE) -> None:
    """Wait until it holds. For what another thread or process does."""
    until = time.monotonic() + within
    tick = threading.Event()
    while not holds():
        assert time.monotonic() < until, "it never came to hold"
        tick.wait(0.02)
