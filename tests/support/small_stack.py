"""The stack with real servers and one cheap child of ours: `python -m tests.support.small_stack`.

The child runs the shell command in SMALL_CHILD. Whatever supervises the product supervises it.
"""

import asyncio
import os
import sys

from config.stack.options import REPOSITORY
from config.stack.process import Spec
from config.stack.supervisor import all_of
from config.stack.up import Stack, main


class SmallStack(Stack):
    """Serves PostgreSQL, Redis and one child."""

    async def serve(self) -> None:
        await self.services()
        await all_of(*self.opening)
        spec = Spec(
            name="child",
            label="The small child",
            argv=["/bin/sh", "-c", os.environ["SMALL_CHILD"]],
            env=dict(os.environ),
            cwd=REPOSITORY,
            log=self.options.var / "log" / "child.log",
        )
        self.supervisor.start("ours", spec)
        self.console.say("Ready")
        await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(main(SmallStack))
