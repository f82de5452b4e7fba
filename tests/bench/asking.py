"""A program of another environment that answers lines of JSON."""

from __future__ import annotations

import json
import select
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psutil

from config.stack.options import REPOSITORY

PATIENCE = 600  # seconds for one answer

Ask = Callable[[Any], Any]


@contextmanager
def asking(argv: Sequence[str], env: Mapping[str, str]) -> Iterator[tuple[Ask, psutil.Process]]:
    """Run the program; yield what asks it, and its process. It is killed at the end."""
    with psutil.Popen(
        argv, cwd=REPOSITORY, env=dict(env), text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:  # fmt: skip

        def ask(what: Any) -> Any:
            process.stdin.write(f"{json.dumps(what)}\n")
            process.stdin.flush()
            return told(process)

        try:
            yield ask, process
        finally:
            process.kill()


def told(process: Any) -> Any:
    """Return the next line. Raises RuntimeError where none comes, or the program has ended."""
    there, _, _ = select.select([process.stdout], [], [], PATIENCE)
    line = process.stdout.readline() if there else ""
    if not line:
        raise RuntimeError("A program that is measured said nothing more; see above.")
    return json.loads(line)
