"""How much memory the whole product takes when nobody uses it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import psutil

from tests.bench import live
from tests.bench.table import Table

MOST = 2_000  # MB
REST_WITHIN = 30.0  # seconds
RESTING = 0.05  # of one core, over one second
MARKS = (  # what tells a part by its command line
    ("web", "config.stack.web"),
    ("worker: default", "default@"),
    ("worker: provisioning", "provisioning@"),
    ("worker: ops", "ops@"),
    ("scheduler", "beat"),
    ("local AWS", "localaws"),
    ("Redis", "redis"),
    ("PostgreSQL", "postgres"),
)


def run() -> Table:
    """Add up the parts' memory at rest."""
    stack = live.product()
    assert stack.process
    root = psutil.Process(stack.process.pid)
    rested = _rest(root)
    pss: Counter[str] = Counter()
    rss: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for part, process in _parts(root):
        memory = process.memory_full_info()
        pss[part] += memory.pss
        rss[part] += memory.rss
        count[part] += 1
    names = [part for part, _ in pss.most_common()]
    whole = pss.total() / 1e6
    return Table(
        title="Memory at rest",
        includes=(
            "All processes of `manage.py up` with the demo, MB (10⁶ bytes). PSS divides what"
            " processes share among them; the sum of RSS counts it each time."
        ),
        columns=("", "processes", "PSS", "RSS"),
        rows=[
            *(
                (part, str(count[part]), f"{pss[part] / 1e6:.0f}", f"{rss[part] / 1e6:.0f}")
                for part in names
            ),
            ("all", str(count.total()), f"{whole:.0f}", f"{rss.total() / 1e6:.0f}"),
        ],
        target="the sum of PSS below 2 GB",
        reached=whole < MOST,
        notes=[] if rested else ["The processes were still busy when this was measured."],
    )


def _parts(root: psutil.Process) -> Iterator[tuple[str, psutil.Process]]:
    """Yield every process of the stack with the part that it belongs to."""
    yield "supervisor", root
    for child in root.children():
        words = " ".join(child.cmdline())
        part = next((name for name, mark in MARKS if mark in words), child.name())
        for process in (child, *child.children(recursive=True)):
            yield part, process


def _rest(root: psutil.Process) -> bool:
    """Wait until the stack hardly computes; return whether it came to that."""
    tick = threading.Event()
    before = _computed(root)
    for _ in range(int(REST_WITHIN)):
        tick.wait(1)
        now = _computed(root)
        if now - before < RESTING:
            return True
        before = now
    return False


def _computed(root: psutil.Process) -> float:
    """Return the seconds that all processes have computed so far."""
    times = [process.cpu_times() for _, process in _parts(root)]
    return sum((each.user + each.system for each in times), 0.0)
