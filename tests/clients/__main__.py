"""`make test-clients`: clients not written here, unchanged, against `python -m localaws`.

Each client lives in an environment of its own under `var/clients/`, made from its lock and made
anew when that changes, and speaks to a server of its own with empty state, which holds every
answer against botocore's model. Nothing here waits for ever: what takes too long is killed, with
all it started, and said.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.clients.environment import (
    ENVIRONMENTS,
    INSTALL_SECONDS,
    ROOT,
    Failed,
    environment_of,
    fresh,
    run,
    stale,
)

HERE = Path(__file__).resolve().parent
PYTHON_CLIENTS = ("litellm", "langchain", "boto3")
NODE_NEEDED = "Node.js 20 or later and npm are needed for the JavaScript client: install them."
START_SECONDS, CHECK_SECONDS = 60, 300
# Credentials, proxies and endpoints of whoever runs this are no part of the test.
_KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL")


def main() -> int:
    """Exit code 0 where every client is content."""
    if not _node_is_new_enough():
        print(NODE_NEEDED, file=sys.stderr)
        return 1
    checks: list[tuple[str, Callable[[dict[str, str]], str]]] = [
        *((name, lambda env, name=name: _python(name, env)) for name in PYTHON_CLIENTS),
        ("javascript", _javascript),
    ]
    broken = False
    with ThreadPoolExecutor(2) as pool:
        running = [(name, pool.submit(_served, check)) for name, check in checks]
        for name, result in running:
            try:
                seconds, said = result.result()
                print(f"{name}: {said} ({seconds:.0f} s)", flush=True)
            except Failed as failure:
                broken = True
                print(f"{name}: failed\n{failure}", file=sys.stderr, flush=True)
    return int(broken)


def _served(check: Callable[[dict[str, str]], str]) -> tuple[float, str]:
    """Run one client's checks against a server of its own: (seconds, what it said)."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as state, _server(Path(state)) as url:
        said = check(_environment(url))
    return time.monotonic() - began, said


def _environment(url: str) -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | {
        "AWS_ENDPOINT_URL": url,
        "AWS_BEDROCK_RUNTIME_ENDPOINT": url,  # LiteLLM's own name for it
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@contextmanager
def _server(state: Path) -> Iterator[str]:
    """A local AWS on a free port: its URL."""
    env = {**os.environ, "LOCALAWS_TOKEN_DELAY_MS": "0", "LOCALAWS_CHECK": "1"}
    command = [sys.executable, "-m", "localaws", "--port", "0", "--state", str(state)]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            started, _, _ = select.select([server.stdout], [], [], START_SECONDS)
            ready = server.stdout.readline() if started else ""
            if "ready at" not in ready:
                raise Failed(f"The local AWS was not ready within {START_SECONDS} s.")
            yield ready.rsplit(" ", 1)[-1].strip()
        finally:
            server.kill()  # its state goes too


def _python(name: str, env: dict[str, str]) -> str:
    folder = HERE / name
    python = environment_of(name, folder / "requirements.lock")
    config = str(HERE / "pytest.ini")
    pytest = [str(python), "-m", "pytest", "-q", "-c", config, "-p", "no:cacheprovider"]
    where = [f"--rootdir={folder}", f"--confcutdir={folder}", "--import-mode=importlib"]
    return run([*pytest, *where, str(folder / f"check_{name}.py")], CHECK_SECONDS, env=env)


def _javascript(env: dict[str, str]) -> str:
    folder, place = HERE / "javascript", ENVIRONMENTS / "javascript"
    lock = folder / "package-lock.json"
    place.mkdir(parents=True, exist_ok=True)
    if stale(place, lock):
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(folder / name, place)
        run(["npm", "ci", "--no-progress"], INSTALL_SECONDS, cwd=place)
        fresh(place, lock)
    # Node looks for packages beside the file that asks for them.
    for name in ("check.test.mjs", "quickstart.mjs"):
        shutil.copy(folder / name, place)
    said = run(["node", "--test", "check.test.mjs"], CHECK_SECONDS, env=env, cwd=place)
    counts = dict(line[2:].split()[:2] for line in said.splitlines() if line[:2] in ("# ", "ℹ "))
    return f"{counts.get('pass', '?')} passed"


def _node_is_new_enough() -> bool:
    if shutil.which("node") is None or shutil.which("npm") is None:
        return False
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    return said.stdout.startswith("v") and int(said.stdout[1:].partition(".")[0]) >= 20


if __name__ == "__main__":
    sys.exit(main())
