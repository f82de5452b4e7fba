"""A process of the product that loads once and runs each command or module in a fork of itself.

Loading Django anew for every one took a quarter of the suite's time. The process that forks holds
no connection and no thread, so each one starts as it would from a shell, under the database login
of the environment that the process was started with.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
WITHIN: Final = int(os.environ.get("COMMAND_WITHIN", "120"))  # seconds that one may take


class Resident:
    """The caller's end of one such process."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.resident"],
            env=env,
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, argv: tuple[str, ...], log: Path) -> int:
        """Run `manage.py` or a module with its arguments; return its exit status.

        Its output goes to `log`. The status of a process that a signal killed is -signal.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        order = json.dumps({"argv": argv, "log": str(log)})
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def stop(self) -> None:
        """End the process; a command that runs is not waited for."""
        self.process.kill()
        self.process.communicate()


def main() -> None:
    """Load the product, then run what is ordered by lines of standard input until it ends."""
    import django
    from django.db import connections  # noqa: TID251 - only to see that none is open
    from django.urls import get_resolver

    django.setup()
    from tenants.aws import clients_build

    # What the checks before a command, and its first call of AWS, would load each time.
    _ = get_resolver().url_patterns
    clients_build("us-east-1")
    # A fork whose collections of garbage walk through all that is loaded copies its pages.
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        if threading.active_count() > 1 or any(each.connection for each in connections.all(True)):
            raise RuntimeError("This process holds what its forks would share.")
        order = json.loads(line)
        child = os.fork()
        if not child:
            _run(order["argv"], order["log"])
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(argv: list[str], log: str) -> None:
    """Become the command or the module: its output to `log`, its exit status ours."""
    from signal import alarm

    from django.core.management import execute_from_command_line

    alarm(WITHIN)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for stream in (1, 2):
        os.dup2(out, stream)
    sys.argv = argv
    status = 0
    try:
        if argv[0] == "manage.py":
            execute_from_command_line(argv)
        else:
            runpy.run_module(argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
