"""Which test process runs which test: those of the whole stack together, in one.

Two stacks at once would starve each other. xdist's own groups ride on node ids, which pytest 9
no longer lets a plugin change (pytest-xdist 3.8), so the controller decides by the test's file.
"""

from __future__ import annotations

from functools import cache

from xdist.scheduler import LoadScopeScheduling

from config.stack.options import REPOSITORY

GROUP = "live_stack"


class WholeStackScheduling(LoadScopeScheduling):
    """Hands tests out one by one, but the files that use the whole stack as one piece, first."""

    def _split_scope(self, nodeid: str) -> str:
        return GROUP if _uses_stack(nodeid.partition("::")[0]) else nodeid


@cache
def _uses_stack(file: str) -> bool:
    return GROUP in (REPOSITORY / file).read_text()
