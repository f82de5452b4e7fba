"""`make test-ocr`: text recognition, in an environment of its own that has the extra.

The environment lies under `var/ocr`, sees the packages of the one that runs this, and has beside
them what `requirements-ocr.lock` adds; it is made anew when that changes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / "var" / "ocr"
LOCK = ROOT / "requirements-ocr.lock"


def main() -> int:
    """Return pytest's exit code."""
    python = _made()
    command = [python, "-m", "pytest", "-q"]
    where = ROOT / "tests" / "ocr"
    return subprocess.run(
        [*command, "-c", where / "pytest.ini", "--confcutdir", where, "--rootdir", ROOT, where],
        cwd=ROOT,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # those of the other tests
        check=False,
    ).returncode


def _made() -> Path:
    python, mark = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "made-from"
    digest = hashlib.sha256(LOCK.read_bytes() + sys.prefix.encode()).hexdigest()
    if mark.exists() and mark.read_text() == digest:
        return python
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    _run(sys.executable, "-m", "venv", "--without-pip", str(ENVIRONMENT))
    own = sysconfig.get_path("purelib")
    (folder,) = ENVIRONMENT.glob("lib/python*/site-packages")
    (folder / "beside.pth").write_text(f"{own}\n")
    lock = ["--require-hashes", "-r", str(LOCK)]
    _run(sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *lock)
    mark.write_text(digest)
    return python


def _run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
