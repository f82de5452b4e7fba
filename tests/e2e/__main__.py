"""Run every example of the API's reference and write down what it answered.

`make run`, then `python -m tests.e2e`: it works in `acme` of the product that runs from here.
"""

import json
import os
import re
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any, Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.types")
django.setup()

from config.exampleanswers import RECORDED, parsed  # noqa: E402 - after set-up
from config.stack.options import REPOSITORY  # noqa: E402
from config.stack.ports import LOOPBACK  # noqa: E402
from tests.e2e.test_examples import every, printed, restored, things  # noqa: E402
from tests.support import files  # noqa: E402
from tests.support.live import LiveStack  # noqa: E402

ROWS: Final = 2  # of a list; the others look like them
CHARACTERS: Final = 300
LINES: Final = 4
SECRETS: Final = re.compile(r"(?:key|secret|token|password|signature)$")
SIGNED: Final = re.compile(r"\?[^\s\"]*X-Amz-[^\s\"]*")


def shortened(value: Any, name: str = "") -> Any:
    """Return an answer with fewer rows, shorter texts and no secret."""
    if isinstance(value, dict):
        return {each: shortened(inner, each) for each, inner in value.items()}
    if isinstance(value, list):
        return [shortened(each, name) for each in value[:ROWS]]
    if not isinstance(value, str):
        return value
    if SECRETS.search(name) and len(value) > 16:
        return value[:8] + "…"
    value = SIGNED.sub("?…", value)
    return value if len(value) <= CHARACTERS else value[:CHARACTERS].rstrip() + "…"


def main() -> None:
    """Record the answers of the workspace `acme`, as its owner."""
    var = Path(os.environ.get("VAR_DIR", REPOSITORY / "var"))
    demo = json.loads((var / "demo.json").read_text())
    port = int(demo["tenants"][0]["url"].rpartition(":")[2])
    local = int(os.environ.get("LOCALAWS_PORT", "4566"))
    stack = LiveStack(var, port=port, localaws_port=local, demo=demo)
    owner = stack.person("acme", "owner")
    name = f"example-{token_hex(3)}"
    with stack.http(owner) as client, TemporaryDirectory() as folder:
        (Path(folder) / "report.pdf").write_bytes(files.long_pdf(1, {1: f"The report of {name}."}))
        client.base_url = f"{client.base_url}/api/v1/"
        ids = things(client, name)
        env = {"PATH": os.environ["PATH"], "WORKSPACE": owner.url, "KEY": owner.api_key, **ids}
        got = printed(every(), env, Path(folder))
        restored(client)
    elsewhere = {
        owner.url: "https://acme.example.com",
        f"{LOOPBACK}:{stack.localaws_port}": "s3.amazonaws.com",
        name: "notes",
    }
    known: dict[str, Any] = {}
    for operation, (status, printed_text) in sorted(got.items()):
        text = printed_text
        if status != "200" or not text.strip() or "\ufffd" in text or "%PDF" in text:
            continue
        for here, there in elsewhere.items():
            text = text.replace(here, there)
        value = parsed(text)
        if isinstance(value, str):
            value = "\n".join(value.splitlines()[:LINES])
        known[operation] = shortened(value)
    RECORDED.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(known)} answers of {len(got)} operations, {RECORDED.stat().st_size:,} bytes")
    print("without:", ", ".join(sorted(set(got) - set(known))))


main()
