"""A socket is an open file, and a shell allows a process a thousand of them."""

import subprocess
import sys

from config.stack.options import REPOSITORY

RAISED = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 5000))
from config.stack.web import files_raise
files_raise()
print(resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_the_web_process_holds_as_many_sockets_as_the_system_lets_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RAISED], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "(5000, 5000)"
