"""Become one process of the product: `python -m config.stack.start web`, for a container.

`manage.py up` runs all of them on one machine; where each has a container of its own, this starts
the same processes with the same arguments. `release` comes first: it brings the schemas to the
newest migration and AWS to what the product needs; options after it go to `provision_aws`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from config.stack import web
from config.stack.console import sign_ins
from config.stack.options import REPOSITORY
from config.stack.parts import CELERY, SOFT_STOP

PORT: Final = "8000"  # LISTEN_PORT says another; PORT is the one that browsers see


def main(arguments: list[str]) -> int:
    """Start what is named. Returns 2 for a name that there is none of."""
    name, *rest = arguments or [""]
    if name == "web":
        os.environ["DATABASE_LOGIN"] = "app"
        port = int(os.environ.get("LISTEN_PORT", PORT))
        try:
            bound = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        except OSError as error:
            print(
                f"Port {port} cannot be had ({error.strerror}): set LISTEN_PORT.", file=sys.stderr
            )
            return 1
        web.serve([bound], lambda: bound.listen(2048))
    elif name in CELERY:
        login, options = CELERY[name]
        argv = [sys.executable, "-m", "celery", "-A", "config", *options.split()]
        if name == "beat":
            argv += ["-s", str(Path(os.environ.get("VAR_DIR", "/tmp")) / "beat-schedule")]  # noqa: S108 - inside the container
        _become(argv, {"DATABASE_LOGIN": login, **SOFT_STOP})
    elif name == "release":
        return _run("migrate_tenants") or _run("provision_aws", *rest)
    elif name == "demo":
        if status := _run("seed_demo"):
            return status
        written = Path(os.environ["VAR_DIR"]) / "demo.json"
        print("\n".join(sign_ins(json.loads(written.read_text()))))
    elif name == "manage":
        _become([sys.executable, "manage.py", *rest], {})
    else:
        known = ", ".join(["web", *CELERY, "release", "demo", "manage"])
        print(f"There is no process {name!r}; there are: {known}.", file=sys.stderr)
        return 2
    return 0


def _run(*arguments: str) -> int:
    """Run a management command as the owner and return its exit status."""
    argv = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        argv, cwd=REPOSITORY, env={**os.environ, "DATABASE_LOGIN": "owner"}
    ).returncode


def _become(argv: list[str], more: Mapping[str, str]) -> None:
    """Replace this process, so that signals reach the one that was asked for."""
    os.chdir(REPOSITORY)
    os.execve(argv[0], argv, {**os.environ, **more})  # noqa: S606 - it is this program


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
