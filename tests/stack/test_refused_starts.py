"""What ends a start before anything runs, each in one sentence."""

from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from config.stack.options import REPOSITORY
from config.stack.ports import free_port
from tests.stack.conftest import clean_environment


def refusal(var: Path, **variables: str) -> str:
    """Return the only line of a start that fails."""
    env = clean_environment(VAR_DIR=str(var), PORT=str(free_port()), LOCALAWS_PORT=str(free_port()))
    result = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=REPOSITORY,
        env=env | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr.strip()


@pytest.mark.parametrize("variable", ["PORT", "LOCALAWS_PORT"])
def test_a_port_in_use_is_named_with_the_variable_that_moves_it(
    folder: Path, variable: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal(folder / "var", **{variable: str(port)})
    assert said == (
        f"Port {port} is in use: stop what uses it, or choose another with {variable}=…"
    )


def test_one_database_address_without_the_others_names_the_missing_ones(folder: Path) -> None:
    said = refusal(folder / "var", DATABASE_URL="postgresql://app:x@127.0.0.1/tenantry")
    assert said.startswith("DATABASE_OWNER_URL and DATABASE_OPS_URL must be set too")


@pytest.mark.parametrize(
    ("variable", "value"), [("PORT", "eighty"), ("PORT", "70000"), ("LOCALAWS", "maybe")]
)
def test_a_malformed_variable_is_named(folder: Path, variable: str, value: str) -> None:
    said = refusal(folder / "var", **{variable: value})
    assert said.startswith(f"{variable} must be ")


def test_a_second_start_in_the_same_folder_is_refused(folder: Path) -> None:
    var = folder / "var"
    var.mkdir()
    with (var / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = refusal(var)
    assert said.startswith(f"The stack is already running from {var}")


def test_data_of_another_postgres_version_is_left_alone(folder: Path) -> None:
    data = folder / "var" / "pg"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    result = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=REPOSITORY,
        env=clean_environment(VAR_DIR=str(folder / "var"), PORT=str(free_port()), LOCALAWS="off"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1
    assert "was made by PostgreSQL 15" in result.stderr
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]
