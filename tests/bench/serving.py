"""Single processes that serve, started for one measurement and ended after it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import httpx
import psutil

from config.stack.options import REPOSITORY
from config.stack.ports import LOOPBACK
from tests.bench.table import DataMissing
from tests.clients.environment import Failed, environment_of
from tests.support.live import LiveStack

START_WITHIN = 120.0  # seconds
LOOK_EVERY = 0.05
# Credentials, proxies and endpoints of whoever runs this are no peer's business.
KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL")


def plain_environment(**more: str) -> dict[str, str]:
    """Return an environment without anything of the product or of an account."""
    return {name: os.environ[name] for name in KEPT if name in os.environ} | more


def peer_python(name: str) -> Path:
    """Return the Python of a peer's own environment, made from its lock if need be.

    Raises DataMissing where it cannot be installed.
    """
    try:
        return environment_of(f"peer-{name}", peer_folder(name) / "requirements.lock")
    except Failed as failed:
        raise DataMissing(f"Not measured: {name} could not be installed.\n{failed}") from failed


def peer_environment(stack: LiveStack, **more: str) -> dict[str, str]:
    """Return a plain environment that reaches the running product's local AWS and nothing else."""
    return plain_environment(
        AWS_ENDPOINT_URL=stack.aws.url,
        AWS_ACCESS_KEY_ID="local",
        AWS_SECRET_ACCESS_KEY="local",
        AWS_REGION="us-east-1",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_EC2_METADATA_DISABLED="true",
        PYTHONDONTWRITEBYTECODE="1",
        **more,
    )


@contextmanager
def web_process(stack: LiveStack) -> Iterator[tuple[int, psutil.Process]]:
    """Run one more web process of the running product, as its supervisor does: port, process."""
    with socket.socket() as bound, tempfile.TemporaryDirectory() as metrics:
        bound.bind((LOOPBACK, 0))
        bound.listen(2048)
        go, end = os.pipe()
        env = stack.environment("app") | {"PROMETHEUS_MULTIPROC_DIR": metrics}
        argv = [sys.executable, "-m", "config.stack.web", str(go), str(bound.fileno())]
        os.close(end)  # it need not wait: the schema stands
        try:
            with running(argv, env, pass_fds=[go, bound.fileno()]) as process:
                port = int(bound.getsockname()[1])
                answers(port, "/readyz", f"localhost:{stack.port}", process)
                yield port, process
        finally:
            os.close(go)


@contextmanager
def running(
    argv: Sequence[str], env: Mapping[str, str], *, pass_fds: Sequence[int] = ()
) -> Iterator[psutil.Process]:
    """Run a program until the block ends; it is killed where it does not stop by itself.

    What it prints goes to a file, which is shown where the block fails.
    """
    with tempfile.TemporaryFile("w+") as said:
        process = psutil.Popen(
            argv, cwd=REPOSITORY, env=dict(env), pass_fds=pass_fds, stdin=subprocess.DEVNULL,
            stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        except BaseException:
            said.seek(0)
            print(said.read()[-3000:], file=sys.stderr)
            raise
        finally:
            process.terminate()
            try:
                process.wait(10)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(10)


def answers(port: int, path: str, host: str, process: psutil.Process) -> None:
    """Wait until a GET is answered with success. Raises RuntimeError where it never is."""
    give_up, tick = perf_counter() + START_WITHIN, threading.Event()
    with httpx.Client(trust_env=False, timeout=10) as client:
        while perf_counter() < give_up and process.is_running():
            try:
                url = f"http://{LOOPBACK}:{port}{path}"
                if client.get(url, headers={"Host": host}).is_success:
                    return
            except httpx.TransportError:
                pass
            tick.wait(LOOK_EVERY)
    raise RuntimeError(f"Nothing answered {path} within {START_WITHIN:.0f} s.")


def listening(port: int, process: psutil.Process) -> None:
    """Wait until the port takes connections. Raises RuntimeError where it never does."""
    give_up, tick = perf_counter() + START_WITHIN, threading.Event()
    while perf_counter() < give_up and process.is_running():
        try:
            socket.create_connection((LOOPBACK, port), timeout=5).close()
        except OSError:
            tick.wait(LOOK_EVERY)
        else:
            return
    raise RuntimeError(f"Nothing listened on {port} within {START_WITHIN:.0f} s.")


def private_bytes(process: psutil.Process) -> int:
    """Return the memory that only this process has."""
    return int(process.memory_full_info().uss)


def peer_folder(name: str) -> Path:
    """Return the folder of a peer's program and lock."""
    return Path(__file__).with_name("peers") / name
