"""The whole product as `manage.py up` runs it, for browser and crash tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from config.stack.options import REPOSITORY
from config.stack.ports import free_port

START_WITHIN = 90  # seconds


@dataclass(slots=True)
class LiveStack:
    """One `manage.py up` in a folder and on ports of its own."""

    var: Path
    port: int = field(default_factory=free_port)
    localaws_port: int = field(default_factory=free_port)
    more: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    demo: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def tenant_url(self, slug: str) -> str:
        """Return a workspace's address; browsers resolve it, Python does not (see `host`)."""
        return f"http://{slug}.localhost:{self.port}"

    def start(self) -> None:
        """Start it and wait until it says that it is ready.

        Raises RuntimeError with what it printed when it ends instead.
        """
        inherited = ("DATABASE_", "REDIS_URL", "AWS_", "DJANGO_SETTINGS_MODULE", "SECRET_KEY")
        env = {k: v for k, v in os.environ.items() if not k.startswith(inherited)}
        env |= {
            "VAR_DIR": str(self.var),
            "PORT": str(self.port),
            "LOCALAWS_PORT": str(self.localaws_port),
            **self.more,
        }
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=REPOSITORY,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout
        printed: list[str] = []
        for line in self.process.stdout:
            printed.append(line)
            if line.startswith("Logs are in"):
                break
        else:
            raise RuntimeError("The stack did not start:\n" + "".join(printed))
        self.demo = json.loads((self.var / "demo.json").read_text())

    def get(self, path: str, host: str = "localhost") -> int:
        """Return the status of GET `path` at `host` (`acme.localhost`, say)."""
        headers = {"Host": f"{host}:{self.port}"}
        url = f"http://127.0.0.1:{self.port}{path}"
        return httpx.get(url, headers=headers, timeout=10, trust_env=False).status_code

    def stop(self, within: float = 15) -> int:
        """Stop it as an operator would and return its exit status."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode
