"""PgBouncer in front of the run's PostgreSQL, with so few server connections that clients share."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from config.stack.ports import LOOPBACK, free_port
from tests.support.services import Worker, short_folder
from tests.support.waiting import eventually


def program() -> str:
    """Return the installed PgBouncer. Raises RuntimeError saying what to install."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if not found:
        raise RuntimeError("The tests of pooled connections need PgBouncer: install pgbouncer.")
    return found


@contextmanager
def pooled(worker: Worker, mode: str, size: int = 1) -> Iterator[int]:
    """Run it in a pool mode; yield its port. It does not clean sessions up between two clients."""
    folder, port = Path(short_folder()), free_port()
    users = "".join(f'"{name}" "{word}"\n' for name, word in worker.served.passwords.items())
    (folder / "users.txt").write_text(users)
    settings = f"""
        [databases]
        {worker.database} = host={LOOPBACK} port={worker.served.postgres_port}
        [pgbouncer]
        listen_addr = {LOOPBACK}
        listen_port = {port}
        unix_socket_dir =
        auth_type = plain
        auth_file = {folder}/users.txt
        pool_mode = {mode}
        default_pool_size = {size}
        server_reset_query =
        ignore_startup_parameters = extra_float_digits,options
        logfile = {folder}/log
    """
    settings = "\n".join(line.strip() for line in settings.splitlines())
    if os.geteuid() == 0:  # it refuses to run as root
        settings += "\nuser = nobody\n"
        (folder / "users.txt").chmod(0o644)
        folder.chmod(0o777)
    (folder / "ini").write_text(settings)
    (folder / "ini").chmod(0o644)
    command = [program(), "-q", str(folder / "ini")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def answers() -> bool:
        try:
            address = f"host={LOOPBACK} port={port} dbname={worker.database} user=app"
            password = worker.served.passwords["app"]
            psycopg.connect(address, password=password, connect_timeout=2).close()
        except psycopg.OperationalError:
            assert process.poll() is None, (folder / "log").read_text()
            return False
        return True

    try:
        eventually(answers)
        yield port
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)
