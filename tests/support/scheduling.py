"""Which test process runs which test: those of the whole stack together, in one.

Two stacks at once would starve each other. What a file, or the local AWS's folder, makes once for
all its tests is made in one test process too, not in each. xdist's own groups ride on node ids,
which pytest 9 no longer lets a plugin change (pytest-xdist 3.8), so the controller decides by the
test's file.
"""

from __future__ import annotations

from functools import cache

from xdist.scheduler import LoadScopeScheduling

from config.stack.options import REPOSITORY

GROUP = "live_stack"
STACKS = (GROUP, "LiveStack(")
LOCAL_AWS = "tests/localaws/"
MADE_ONCE = 'scope="module"'


class WholeStackScheduling(LoadScopeScheduling):
    """Hands tests out one by one, but what shares what is made once as one piece, largest first."""

    def _split_scope(self, nodeid: str) -> str:
        return _piece(nodeid.partition("::")[0]) or nodeid


@cache
def _piece(file: str) -> str:
    """Return the name of the piece that a file's tests belong to; "" where each is its own."""
    text = (REPOSITORY / file).read_text()
    if any(word in text for word in STACKS):
        return GROUP
    if file.startswith(LOCAL_AWS):
        return LOCAL_AWS
    return file if MADE_ONCE in text else ""
