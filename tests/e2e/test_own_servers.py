"""With a PostgreSQL and a Redis started apart, over TCP, the same product runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.stack import postgres
from config.stack.options import REPOSITORY
from config.stack.ports import LOOPBACK, free_port
from config.stack.process import Child
from config.stack.redis import Redis
from tests.e2e.shelf import API, ready, text_at
from tests.e2e.talking import talking, text_of
from tests.support.live import QUICK, LiveStack
from tests.support.services import short_folder, stop, wait_for

DATABASE = "elsewhere"
PASSWORDS = {login: f"{login}-has-a-password-of-its-own" for login in postgres.LOGINS}
NOTE = b"The archive in Bergen keeps every survey for 19 years."
QUESTION = "How many years does the archive in Bergen keep a survey?"


@dataclass(frozen=True, slots=True)
class OwnServers:
    """Where an operator's own servers are."""

    postgres_port: int
    redis_port: int

    def environment(self) -> dict[str, str]:
        """Return the addresses as an operator gives them."""
        names = {"app": "DATABASE_URL", "owner": "DATABASE_OWNER_URL", "ops": "DATABASE_OPS_URL"}
        at = f"{LOOPBACK}:{self.postgres_port}/{DATABASE}"
        return {
            **{names[one]: f"postgresql://{one}:{PASSWORDS[one]}@{at}" for one in names},
            "REDIS_URL": f"redis://{LOOPBACK}:{self.redis_port}/3",
        }


@pytest.fixture
def folder() -> Iterator[Path]:
    made = short_folder()
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def own_servers(folder: Path) -> Iterator[OwnServers]:
    """Servers that somebody runs, prepared as the documentation says."""
    cluster = postgres.open_cluster(folder / "pg", free_port(), folder / "initdb.log")
    buckets = Redis(folder / "redis", free_port())
    children = [
        Child(cluster.spec(folder / "postgres.log")),
        Child(buckets.spec(folder / "redis.log")),
    ]
    try:
        for child in children:
            child.start()
        for child in children:
            wait_for(child)
        _prepare(cluster)
        yield OwnServers(cluster.port, buckets.port)
    finally:
        for child in children:
            stop(child)


def _prepare(cluster: postgres.Cluster) -> None:
    """Run the script for a new cluster by hand, as a superuser."""
    subprocess.run(
        [
            *(postgres.binary("psql"), "-X", "-q", "-f", REPOSITORY / "deploy/postgres-init.sql"),
            cluster.url("postgres", "postgres"),
        ],
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_NAME": DATABASE,
            **{f"{login.upper()}_PASSWORD": word for login, word in PASSWORDS.items()},
        },
        check=True,
        timeout=60,
    )


@pytest.fixture
def elsewhere(own_servers: OwnServers, folder: Path) -> Iterator[LiveStack]:
    """The product over those servers."""
    stack = LiveStack(folder / "var", more=own_servers.environment(), settings=QUICK)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


def test_the_same_product_runs_over_servers_started_apart(elsewhere: LiveStack) -> None:
    for part, kept in (("postgres", "pg"), ("redis", "redis")):
        with pytest.raises(LookupError):
            elsewhere.part(part)
        assert not (elsewhere.var / kept).exists()
    member = elsewhere.person("acme", "member")
    assert elsewhere.session(member)
    with elsewhere.http(member) as client:
        document = ready(client, "Archive.txt", NOTE)
        answer = client.post(f"{API}/ask/", json={"question": QUESTION}).json()
        [citation] = [each for each in answer["citations"] if each["document_id"] == document["id"]]
        exact = text_at(client, document["id"], citation["start"], citation["end"])
        assert exact == citation["quote"] == NOTE.decode()
        conversation = client.post(f"{API}/conversations/", json={}).json()["id"]
    with talking(elsewhere, member, conversation) as talk:
        assert "19 years" in text_of(talk.ask(QUESTION))
