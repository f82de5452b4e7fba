"""`make test-schema`: Schemathesis asks the running product what its OpenAPI document promises.

The whole product under `manage.py up` in a folder of its own, the owner's key of a demo workspace,
every operation with values that the document allows and some that it does not. No answer may be a
5xx, and each has a status, a content type and a body as the document says. `SCHEMA_PHASES=coverage`
keeps to the cases that are always the same, as `.ci/run` does. Rates are given back all the time:
what is looked for are answers, not limits.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Final

from tests.bench.live import fill_buckets
from tests.clients.environment import Failed, environment_of, run
from tests.support.live import LiveStack
from tests.support.services import short_folder

LOCK: Final = Path(__file__).with_name("requirements.lock")
SEED: Final = 6
CASES: Final = 3  # of each operation, beside those at the borders of its values
SECONDS: Final = 240  # then it is killed and has failed; usually it takes less than a minute
# Values at the borders of what is allowed are the same each time; what is drawn beside them follows
# what earlier answers held, and so may differ from run to run.
PHASES: Final = os.environ.get("SCHEMA_PHASES", "examples,coverage,fuzzing")
CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
# What changes under which conditions all others run; Schemathesis asks them with what it has seen.
LAST: Final = (
    "assistant_change", "assistant_restore", "key_revoke", "member_change", "plan_choose",
    "posture_change", "program_delete", "safety_change", "usage_cap_set",
)  # fmt: skip


def main() -> int:
    """Exit code 0 where every answer is as the document says."""
    began = time.monotonic()
    python = environment_of("schema", LOCK)
    stack = LiveStack(Path(short_folder()) / "var")
    over = threading.Event()
    try:
        stack.start()
        threading.Thread(target=_keep_filling, args=(stack, over), daemon=True).start()
        for which in ("exclude", "include"):
            print(run(_command(python, stack, which), SECONDS, cwd=stack.var), flush=True)
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    finally:
        over.set()
        stack.stop()
        shutil.rmtree(stack.var.parent, ignore_errors=True)
    print(f"schema: as the document says ({time.monotonic() - began:.0f} s)")
    return 0


def _command(python: Path, stack: LiveStack, which: str) -> list[str]:
    """Return the run of all operations without the last, or of the last alone."""
    owner = stack.person("acme", "owner")
    chosen = [word for name in LAST for word in (f"--{which}-operation-id", name)]
    return [
        str(python.with_name("schemathesis")),
        "run",
        f"http://127.0.0.1:{stack.port}/api/v1/schema/",
        "--header", f"Host: {owner.host}",
        "--header", f"Authorization: Bearer {owner.api_key}",
        "--checks", ",".join(CHECKS),
        "--phases", PHASES,
        "--max-examples", str(CASES),
        "--seed", str(SEED),
        "--workers", "2",
        "--request-timeout", "30",
        *chosen,
    ]  # fmt: skip


def _keep_filling(stack: LiveStack, over: threading.Event) -> None:
    while not over.wait(0.2):
        fill_buckets(stack)


if __name__ == "__main__":
    sys.exit(main())
