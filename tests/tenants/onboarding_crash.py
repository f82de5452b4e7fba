"""Make a workspace in processes that die by SIGKILL, then finish it.

`python -m tests.tenants.onboarding_crash <slug> <step> …`: for each step one process is killed
before what it does, and one after that, before the step is recorded. Runs under the owner's login.
"""

import os
import signal
import sys
from dataclasses import replace
from typing import Any

import django


def make(slug: str) -> None:
    from tenants.lifecycle.onboarding import tenant_create

    tenant_create(
        slug=slug,
        name="Made",
        host=f"{slug}.localhost",
        owner_email=f"owner@{slug}.example",
        owner_password="a long enough password",
        owner_name="",
    )


def killed(slug: str, name: str, when: str) -> None:
    """Make it in a child that must die at the step."""
    from django.db import connection

    from tenants.lifecycle import onboarding

    connection.close()  # a forked process must not share it
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            raise SystemExit(f"The making was not cut off {when} {name}.")
        return
    real = onboarding._do

    def dying(asked: Any, step: Any) -> None:
        def run() -> None:
            if when == "after":
                step.run()
            os.kill(os.getpid(), signal.SIGKILL)

        real(asked, replace(step, run=run) if step.name == name else step)

    onboarding._do = dying
    try:
        make(slug)
    finally:
        os._exit(1)


if __name__ == "__main__":
    slug, *steps = sys.argv[1:]
    django.setup()
    for step in steps:
        for when in ("before", "after"):
            killed(slug, step, when)
    make(slug)
