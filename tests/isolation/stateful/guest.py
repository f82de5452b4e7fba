"""A workspace that comes, is used like the others, and is erased while they go on.

Each one has the host, the address and the key of the one before, and nothing else of it. What it
kept may be nowhere afterwards but in what outlives a workspace by contract: the sealed audit and
the raw invocation log.
"""

import asyncio
from typing import Final

from django.conf import settings
from django.db import connection

from tenants.accounts.keys import digest_of
from tenants.accounts.models import ApiKey
from tenants.context import entered
from tests.isolation.stateful.app import call, request, socket
from tests.isolation.stateful.canaries import GUEST
from tests.isolation.stateful.model import GISELA
from tests.isolation.stateful.run import Turn
from tests.support.clients import signed_in, tenant_of, user_of

HOST: Final = GISELA.host
GONE: Final = {401, 404, 503}  # no such host; while the erasing runs, closed


async def arrive(turn: Turn) -> None:
    """Make the workspace with its owner, who signs in and gets a key."""
    await _owned(turn, "make", f"{GUEST}-{turn.rng.getrandbits(40):x}")

    def moved_in() -> None:
        tenant = tenant_of(GISELA)
        turn.model.enter(GUEST, tenant.id)
        turn.model.user_ids[GISELA.email] = str(user_of(GISELA).id)
        with entered(tenant):
            ApiKey.objects.create(
                user=user_of(GISELA), name="tests", prefix=GISELA.key[:12],
                digest=digest_of(GISELA.key),
            )  # fmt: skip
        cookies = signed_in(GISELA).cookies
        turn.run.sessions[GISELA.email] = cookies[settings.SESSION_COOKIE_NAME].value
        connection.close()

    await asyncio.to_thread(moved_in)


async def leave(turn: Turn) -> None:
    """Erase it, with a socket open and requests coming in; nothing of it is left or answers."""
    conversations = turn.model.of(GUEST, "conversation")
    line = socket(conversations[0].id, HOST, turn.session) if conversations else None
    if line is not None and await line.opened() is not True:
        turn.run.fail("the leaving workspace's own socket is refused, so this proves nothing")
        line = None
    slug = await asyncio.to_thread(lambda: tenant_of(GISELA).slug)
    erasing = asyncio.create_task(_owned(turn, "erase", slug))
    while not erasing.done():
        answer = await call("GET", "documents/", HOST, turn.key)
        turn.run.read(answer, GISELA, "a list while it is erased", (200, *GONE))
        await asyncio.wait([erasing], timeout=0.5)
    await erasing
    turn.model.leave(GUEST)
    if line is not None:
        if (last := await line.next())["type"] != "websocket.close":
            turn.run.fail(f"the erased workspace's socket is sent {last}")
        line.stop(exceptions=False)
    for path, who in (("/api/v1/documents/", turn.key), ("/documents/", turn.session)):
        answer = await request("GET", path, HOST, who)
        turn.run.read(answer, None, f"{path} of an erased workspace", GONE)


async def _owned(turn: Turn, what: str, slug: str) -> None:
    """Do what only the owner's login may, in a process of its own."""
    work = f"from tests.isolation.stateful.owning import main; main({what!r}, {slug!r})"
    try:
        await asyncio.to_thread(turn.run.manage, "owner", "shell", "-c", work)
    except RuntimeError as error:
        turn.run.fail(f"{what} {slug}: {str(error)[-1500:]}")
