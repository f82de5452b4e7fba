"""What the checks of Python clients share; it runs inside each client's own environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

NOVA = "us.amazon.nova-pro-v1:0"
CLAUDE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"
URL = os.environ["AWS_ENDPOINT_URL"]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string"}},
    "required": ["city"],
}


def script(**members: Any) -> None:
    """Queue what the next matching call shall meet."""
    request = urllib.request.Request(  # noqa: S310 - our own loopback
        f"{URL}/_localaws/script", data=json.dumps(members).encode(), method="POST"
    )
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - our own loopback


def quickstart(folder: str) -> str:
    """What the documentation's snippet prints, run as a reader would run it."""
    path = Path(folder).with_name("quickstart.py")
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout
