"""The run's servers and the fixtures every area shares.

The servers start before Django's settings load, because the settings read their addresses: in the
controller of the run, which tells its xdist workers where they are.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from config.stack.errors import StackError
from tests.support.services import Served, Servers, Worker

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.support.live import LiveStack
    from tests.support.localaws import LocalAws

servers_key = pytest.StashKey[Servers]()
served_key = pytest.StashKey[Served]()
worker_key = pytest.StashKey[Worker]()
failure_key = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Start what the run needs; a worker takes what is its own.

    Servers that do not start fail the tests that need them, and no others.
    """
    gc.disable()  # until all is loaded: nothing of it is garbage
    # Else each of the run's many processes would compile the product anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    told = getattr(config, "workerinput", None)
    if told is None and not _runs_tests(config):
        return
    try:
        if told is None:
            _start_servers(config)
        elif "served" in told:
            config.stash[served_key] = Served.from_json(told["served"])
        else:
            config.stash[failure_key] = told["failure"]
        if served_key in config.stash and not _distributes(config):
            _start_worker(config, told["workerid"] if told else "main")
    except (RuntimeError, StackError) as error:
        config.stash[failure_key] = str(error)


def _start_servers(config: pytest.Config) -> None:
    servers = Servers()
    config.add_cleanup(servers.stop)
    config.stash[served_key] = servers.start()


def _start_worker(config: pytest.Config, name: str) -> None:
    worker = Worker(config.stash[served_key], name)
    config.add_cleanup(worker.stop)
    worker.start()
    _load_django(worker)
    worker.wait()
    config.stash[worker_key] = worker


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say why the servers did not start."""
    failure = config.stash.get(failure_key, None)
    return f"the run's servers did not start: {failure}" if failure else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests, and end with the shortest, which keep no process waiting."""
    items.sort(key=lambda item: (-_allowed(item), _short(item)))


def pytest_collection_finish() -> None:
    """Keep what has been loaded out of every collection of garbage to come, and make those rare.

    Requests leave few cycles behind: looked for after every 700 objects, as Python does by itself,
    they take one second in fifteen.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def _allowed(item: pytest.Item) -> float:
    """Return the seconds that a test of its own may take, where it says so."""
    own = item.get_closest_marker("timeout")
    return float(own.args[0]) if own and own.args else 0.0


def _short(item: pytest.Item) -> bool:
    """Say whether a test needs nothing but what it is given by name: no database, no process."""
    given = getattr(getattr(item, "callspec", None), "params", {})
    asked = getattr(item, "_fixtureinfo", None)
    needs = set(asked.argnames) - set(given) if asked else {item.name}
    return not needs and item.get_closest_marker("django_db") is None


def _runs_tests(config: pytest.Config) -> bool:
    option = config.option
    return not (option.help or option.version or option.collectonly or option.markers)


def _distributes(config: pytest.Config) -> bool:
    return bool(getattr(config.option, "numprocesses", None))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker where the servers are, or why there are none."""
    stash = node.config.stash
    if served_key in stash:
        node.workerinput["served"] = stash[served_key].to_json()
    else:
        node.workerinput["failure"] = stash[failure_key]


def _load_django(worker: Worker) -> None:
    """Load the settings, and let a test that commits be followed by a fresh clone.

    Django would empty every table, which the `app` login may not.
    """
    # Playwright's loop runs in the thread that also asks the ORM.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    from django.conf import settings
    from django.db import connection
    from django.test import TestCase, TransactionTestCase

    from tenants.context import public_scope

    assert settings.DATABASES["default"]["NAME"] == worker.database

    def start_afresh(case: TransactionTestCase) -> None:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
        worker.clone_database()

    roll_back = TestCase._fixture_teardown  # type: ignore[attr-defined]

    def check_and_roll_back(case: TestCase) -> None:
        with public_scope("app_public"):  # It checks deferred constraints, outside any test.
            roll_back(case)

    TransactionTestCase._fixture_teardown = start_afresh  # type: ignore[attr-defined]
    TestCase._fixture_teardown = check_and_roll_back  # type: ignore[attr-defined]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep tests of the whole stack in one test process: two stacks would starve each other."""
    from tests.support.scheduling import WholeStackScheduling

    return WholeStackScheduling(config, log)


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """Replace pytest-django's: the database is a clone that exists before Django loads."""


@pytest.fixture(scope="session")
def worker(pytestconfig: pytest.Config) -> Worker:
    """This test process's database, Redis number and local AWS."""
    if worker_key not in pytestconfig.stash:
        pytest.fail(f"The run's servers did not start: {pytestconfig.stash[failure_key]}")
    return pytestconfig.stash[worker_key]


@pytest.fixture(autouse=True)
def _empty_redis(pytestconfig: pytest.Config) -> None:
    """Let every test begin with full token buckets and an empty cache."""
    if running := pytestconfig.stash.get(worker_key, None):
        running.empty_redis()


@pytest.fixture
def manage(worker: Worker) -> Callable[..., str]:
    """Run a management command in its own process: `manage("owner", "create_workspace", …)`."""
    return worker.manage


@pytest.fixture
def localaws(worker: Worker) -> Iterator[LocalAws]:
    """The local AWS, to be scripted and asked what it received; forgets both afterwards."""
    from tests.support.localaws import LocalAws

    client = LocalAws(f"http://127.0.0.1:{worker.options.localaws_port}")
    client.reset()
    yield client
    client.reset()
    client.close()


@pytest.fixture(scope="session")
def live_stack(worker: Worker) -> Iterator[LiveStack]:
    """The whole product under `manage.py up`, started when the first test asks for it.

    It finds its database migrated already; `tests/e2e/test_own_servers.py` begins with none.
    """
    from tests.support.live import QUICK, LiveStack
    from tests.support.services import short_folder

    stack = LiveStack(Path(short_folder()) / "var", settings=QUICK)
    worker.served.lend_migrated(stack.var)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
        shutil.rmtree(stack.var.parent, ignore_errors=True)


@pytest.fixture(autouse=True)
def _read_anew() -> None:
    """Let no test go by what one before it read of plans and rules, which was undone since."""
    for name in ("billing.catalog", "bedrock.policy"):
        if module := sys.modules.get(name):
            module.forget()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all browser tests."""
    from tests.support.browser import launched

    with launched() as chromium:
        yield chromium


@pytest.fixture
def open_page(browser: Browser) -> Callable[..., AbstractContextManager[Page]]:
    """Open a page of a given size: `with open_page(PHONE) as page:`."""
    from tests.support.browser import opened

    return partial(opened, browser)


@pytest.fixture
def page(open_page: Callable[..., AbstractContextManager[Page]]) -> Iterator[Page]:
    """A page in a desktop window, with cookies of its own."""
    with open_page() as opened_page:
        yield opened_page
