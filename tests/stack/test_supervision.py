"""Dead children come back, the data stays, and nothing outlives the stack."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import redis

from config.stack.supervisor import PATIENCE
from tests.stack.conftest import SmallStack
from tests.support.waiting import eventually


def test_killed_servers_and_children_come_back_with_their_data(small_stack: SmallStack) -> None:
    small_stack.sql("CREATE TABLE public.kept AS SELECT 7 AS n")
    with small_stack.redis() as client:
        client.set("kept", "7")
    before = small_stack.members()
    assert set(before) == {"postgres", "redis-server", "sleep"}
    for process in before.values():
        process.kill()

    def all_back() -> bool:
        now = small_stack.members()
        return set(now) == set(before) and not set(now.values()) & set(before.values())

    eventually(all_back)
    eventually(lambda: _answers(small_stack))
    assert small_stack.sql("SELECT n FROM public.kept") == [(7,)]
    with small_stack.redis() as client:
        assert client.get("kept") == b"7"


def _answers(stack: SmallStack) -> bool:
    try:
        stack.sql("SELECT 1")
        with stack.redis() as client:
            return bool(client.ping())
    except (psycopg.Error, redis.RedisError):
        return False


def test_a_second_start_finds_everything_as_it_was(small_stack: SmallStack) -> None:
    small_stack.sql("CREATE TABLE public.kept AS SELECT 7 AS n")
    small_stack.stop()
    small_stack.start()
    assert small_stack.sql("SELECT n FROM public.kept") == [(7,)]


def test_sigterm_stops_all_within_ten_seconds_even_a_child_that_ignores_it(folder: Path) -> None:
    stack = SmallStack(folder / "var", child="trap '' TERM; while :; do sleep 1; done")
    stack.start()
    members = list(stack.members().values())
    status, seconds = stack.stop()
    assert status == 0
    assert sum(patience for _, patience in PATIENCE) < 9.5
    assert seconds < 20  # on a machine that does other things, which ends processes late
    assert not [process for process in members if process.is_running()]


def test_a_stack_whose_terminal_was_closed_stops_in_order_too(folder: Path) -> None:
    stack = SmallStack(folder / "var", child="trap '' TERM; while :; do sleep 1; done")
    stack.start()
    members = list(stack.members().values())
    assert stack.process and stack.process.stdout
    stack.process.stdout.close()
    stack.process.send_signal(signal.SIGHUP)
    try:
        assert stack.process.wait(60) == 0
        assert not [process for process in members if process.is_running()]
    finally:
        for process in members:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def test_a_killed_supervisor_leaves_nothing_behind(small_stack: SmallStack) -> None:
    assert small_stack.process
    everything = psutil.Process(small_stack.process.pid).children(recursive=True)
    small_stack.process.kill()
    small_stack.end()
    eventually(lambda: not [process for process in everything if _lives(process)])
    small_stack.start()
    assert small_stack.sql("SELECT 1") == [(1,)]


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_child_that_keeps_dying_ends_the_stack_with_its_last_words(folder: Path) -> None:
    stack = SmallStack(folder / "var", child="echo no such luck; exit 3")
    stack.start()
    assert stack.process
    printed, _ = stack.process.communicate(timeout=60)
    assert stack.process.returncode == 1
    assert "The small child ended (exit code 3) and is started again." in printed
    assert printed.rstrip().endswith(
        "The small child died 5 times within 30 seconds: no such luck "
        f"(see {folder / 'var' / 'log' / 'child.log'})"
    )
