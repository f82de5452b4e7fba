"""P4: what an idle socket costs in memory, beside Channels as uvicorn serves it by default.

`SOCKETS=1000 python -m tests.bench sockets` for the published figure; 200 a side without the
variable. How many one process holds is `SOCKETS_AT_ONCE`, 2,000 without it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from statistics import median

import psutil

from config.stack.ports import LOOPBACK, free_port
from tests.bench import live
from tests.bench.idle import Handshake, files_allow, opened, unanswered
from tests.bench.serving import (
    listening,
    plain_environment,
    private_bytes,
    running,
    web_process,
)
from tests.bench.spread import few
from tests.bench.table import Table
from tests.support.live import LiveStack

SOCKETS = int(os.environ.get("SOCKETS", "200"))
AT_ONCE = int(os.environ.get("SOCKETS_AT_ONCE", "2000"))
PAIRS = 5
WARM = 20  # sockets open before memory is read the first time: a process's first work is not theirs
SETTLE = 3.0  # seconds
HELD = 50.0  # seconds: two of uvicorn's pings, one look at the sockets' rights
SHARE = 0.35
PEOPLE = [(slug, role) for slug in ("acme", "globex", "initech") for role in ("owner", "member")]
CONVERSATIONS = 5  # of each person

Serving = Callable[[], AbstractContextManager[tuple[int, psutil.Process]]]


def run() -> Table:
    """Open the same sockets at fresh processes of both sides, turn by turn."""
    stack = live.product()
    files_allow(max(SOCKETS, AT_ONCE))
    handshakes = itertools.cycle(_handshakes(stack))

    def measured(serving: Serving, count: int, held: float) -> tuple[float, list[str], bool]:
        with serving() as (port, process):
            wanted = [next(handshakes) for _ in range(WARM + count)]
            return asyncio.run(_measured(port, process, wanted, held))

    sides: list[tuple[str, Serving]] = [
        ("product", lambda: web_process(stack)),
        ("Channels, uvicorn's defaults", lambda: _peer(stack)),
    ]
    found: dict[str, list[float]] = {name: [] for name, _ in sides}
    compressed: dict[str, bool] = {}
    wrong: list[str] = []
    for pair in range(PAIRS):
        for name, serving in sides if pair % 2 else sides[::-1]:
            kib, errors, compressed[name] = measured(serving, SOCKETS, SETTLE)
            found[name].append(kib)
            wrong += [f"{name}: {error}" for error in errors]
    most, failed, _ = measured(sides[0][1], AT_ONCE, HELD)
    ours, theirs = (found[name] for name, _ in sides)
    share = median(ours) / median(theirs)
    held = f"{AT_ONCE:,} at once in one process, held for {HELD:.0f} s"
    return Table(
        title="Memory of an idle socket (P4)",
        includes=(
            f"KiB of private memory that a web process gains from {SOCKETS:,} more sockets after"
            f" its first {WARM}, {SETTLE:.0f} s after the last handshake; a fresh process each"
            " time. Sockets as a browser opens them: compression offered, pings answered, over"
            f" {len(PEOPLE)} people of three workspaces. Product: `python -m config.stack.web`,"
            " the assistant's socket, signed in by session. Peer: a consumer that joins three"
            " groups of the same Redis too, behind AllowedHostsOriginValidator and"
            " AuthMiddlewareStack, nobody signed in, no database."
        ),
        columns=("", "median KiB", "least–most", "times", "deflate"),
        rows=[
            *((name, *few(found[name]), "yes" if compressed[name] else "no") for name, _ in sides),
            (held, f"{most:.1f}", "", "1", f"{len(failed)} errors"),
        ],
        target=f"at most {SHARE} × the peer's; {AT_ONCE:,} sockets without an error",
        reached=share <= SHARE and not wrong and not failed,
        notes=[f"Product / peer: {share:.2f}.", *sorted(set(wrong + failed))[:5]],
    )


async def _measured(
    port: int, process: psutil.Process, handshakes: list[Handshake], held: float
) -> tuple[float, list[str], bool]:
    """Return KiB a socket, what went wrong, and whether messages would be compressed."""
    warm = await opened(port, handshakes[:WARM])
    await asyncio.sleep(SETTLE)
    before = private_bytes(process)
    more = await opened(port, handshakes[WARM:])
    await asyncio.sleep(held)
    gained = private_bytes(process) - before
    wrong = await unanswered([*warm, *more])
    for idle in (*warm, *more):
        idle.close()
    return gained / len(more) / 1024, wrong, more[0].compressed


def _handshakes(stack: LiveStack) -> list[Handshake]:
    """Return one for each of the people's conversations."""
    made = []
    for slug, role in PEOPLE:
        person = stack.person(slug, role)
        headers = {
            "Host": person.host,
            "Origin": f"http://{person.host}",
            "Cookie": f"session={stack.session(person)}",
        }
        live.fill_buckets(stack)
        with stack.http(person) as client:
            for _ in range(CONVERSATIONS):
                answer = client.post("/api/v1/conversations/", json={}).raise_for_status().json()
                made.append(Handshake(f"/ws/assistant/{answer['id']}/", headers))
    return made


@contextmanager
def _peer(stack: LiveStack) -> Iterator[tuple[int, psutil.Process]]:
    redis = json.loads((stack.var / "ports.json").read_text())["redis"]
    port = free_port()
    argv = [sys.executable, "-m", "uvicorn", "tests.bench.peers.channels.app:application"]
    env = plain_environment(PEER_REDIS=f"redis://{LOOPBACK}:{redis}/9")
    with running([*argv, "--port", str(port)], env) as process:
        listening(port, process)
        yield port, process
