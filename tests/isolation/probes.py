"""Fast looks at one promise each. A probe returns what is wrong, or nothing.

Every probe is also caught out: `tests/isolation/faults.py` plants the fault that it must find.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from celery.exceptions import Reject
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from psycopg import sql

import bedrock.knowledge
import tenants.context
import tenants.lifecycle.standing
import tenants.redis
import tenants.sockets
from assistant.runner import turn_group
from bedrock.models import KnowledgeBase
from tenants.accounts.models import User
from tenants.aws import client
from tenants.backend.sessions import sessions_require
from tenants.context import TenantContext, entered
from tenants.errors import NoTenant, OutsideRegion, WrongTenant
from tenants.middleware import SESSION_TENANT
from tenants.tasks import tenant_task
from tests.isolation import awsattempts, sqlattempts
from tests.isolation.attempts import by_key, by_session, sent
from tests.isolation.elsewhere import _opened
from tests.isolation.score import Score
from tests.isolation.switchedoff import connected
from tests.isolation.world import World
from tests.support.cast import ALICE, BOB, CHARLIE, PASSWORD
from tests.support.clients import stranger, tenant_of, user_of
from tests.support.pgbouncer import pooled
from tests.support.services import Worker

ran: list[str] = []


@tenant_task(name="tests.isolation_probe")
def probe_task(word: str) -> None:
    ran.append(word)


@dataclass(frozen=True, slots=True)
class Site:
    """Where the probes look: two tenants with objects, and the servers below them."""

    worker: Worker
    world: World
    here: TenantContext
    there: TenantContext
    emails: dict[str, set[str]]  # by schema


Probe = Callable[[Site], str]


def site_of(worker: Worker, world: World) -> Site:
    """Return the site, with what is true of it while nothing is planted."""
    here, there = tenant_of(ALICE), tenant_of(CHARLIE)
    emails = {}
    for tenant in (here, there):
        with entered(tenant):
            emails[tenant.schema] = _emails()
    return Site(worker, world, here, there, emails)


def _emails() -> set[str]:
    return set(User.objects.values_list("email", flat=True))


def _aside(work: Callable[[], Any]) -> Any:
    """Work in a thread of its own, which has entered nothing."""

    def run() -> Any:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as aside:
        return aside.submit(run).result()


def hops(site: Site) -> str:
    """Coroutines of two tenants, interleaved, read their own rows."""

    async def read(tenant: TenantContext) -> bool:
        found = await tenants.context.in_tenant(tenant, _emails)
        return bool(found == site.emails[tenant.schema])

    async def all_at_once() -> list[bool]:
        both = [site.here, site.there] * 6
        return list(await asyncio.gather(*(read(tenant) for tenant in both)))

    own = _aside(lambda: asyncio.run(all_at_once()))
    return "" if all(own) else "a coroutine read another tenant's rows"


def residue(site: Site) -> str:
    """A hop that enters nothing is refused, whoever was in the thread before."""

    def later() -> str:
        with entered(site.there):
            _emails()
        try:
            found = _emails()
        except (NoTenant, WrongTenant):
            return ""
        return f"a later hop read {len(found)} rows of the tenant before"

    return str(_aside(later))


def cache_keys(site: Site) -> str:
    """What one tenant caches, another does not find."""
    with entered(site.there):
        cache.set("probe", "theirs", 30)
    with entered(site.here):
        found = cache.get("probe")
    with entered(site.there):
        cache.delete("probe")
    return "" if found is None else "the cache gave another tenant's value"


def collections(site: Site) -> str:
    """A list is read for whoever asks."""
    who = by_session(site.world.sessions[ALICE.email])
    raw = sent("GET", "/search/", ALICE.host, who).raw
    return "another tenant's collection is listed" if site.world.canary in raw else ""


def dispatched(site: Site) -> str:
    """A task that is sent on commit carries the tenant that was entered when it was dispatched."""
    told: list[str] = []
    sender = probe_task.task
    kept, sender.apply_async = sender.apply_async, lambda args, **_: told.append(args[0])
    try:
        with entered(site.there), transaction.atomic(), entered(site.here):
            probe_task.dispatch("x")
    finally:
        sender.apply_async = kept
    return "" if told == [str(site.here.id)] else f"the task was sent for {told}"


def savepoints(site: Site) -> str:
    """A savepoint's rollback moves role and path, and the next query knows it."""
    with entered(site.here), transaction.atomic():
        _emails()
        sid = transaction.savepoint()
        with entered(site.there):
            _emails()
            transaction.savepoint_rollback(sid)
            found = _emails()
    return "" if found == site.emails[site.there.schema] else "the rows before the savepoint's"


def poolers(site: Site) -> str:
    """A pooler that mixes sessions ends the start."""
    with pooled(site.worker, "transaction") as port, connected(PORT=str(port), OPTIONS={}):
        try:
            sessions_require()
        except SystemExit:
            return ""
    return "a pooler in transaction mode was accepted"


def maintenance(site: Site) -> str:
    """A tenant behind the code is served nothing: a missing table would be `public`'s."""
    record = sql.Identifier(site.there.schema, "django_migrations")
    tenants.lifecycle.standing._at_head.discard(site.there.schema)
    with sqlattempts.superuser(site.worker) as admin:
        take = sql.SQL("UPDATE {} SET name = name || '-' WHERE app = 'search'").format(record)
        back = sql.SQL("UPDATE {} SET name = rtrim(name, '-') WHERE app = 'search'").format(record)
        admin.execute(take)
        admin.commit()
        try:
            status = sent("GET", "/api/v1/usage/", CHARLIE.host, by_key(CHARLIE.key)).status
        finally:
            admin.execute(back)
            admin.commit()
    return "" if status == 503 else f"a tenant behind the code is answered {status}"


def tables(site: Site) -> str:
    """A tenant's role reaches no other schema."""
    score = Score()
    sqlattempts._schema(site.worker, score, site.here.schema, site.there.schema)
    return ", ".join(score.through[:3])


def rows(site: Site) -> str:
    """A tenant's role reaches nobody else's rows in `public`."""
    score = Score()
    with sqlattempts.superuser(site.worker) as admin, admin.transaction(force_rollback=True):
        sqlattempts._rows(admin, score, site.here.schema, site.there.schema)
    return ", ".join(score.through[:3])


def names(site: Site) -> str:
    """Equal ids in two tenants make different keys and groups."""
    same = uuid4()

    def made(tenant: TenantContext) -> list[str]:
        with entered(tenant):
            return [tenants.redis.tenant_key("probe", same), turn_group(tenant, same),
                    tenants.sockets.group_of(tenant, same),
                    tenants.sockets.workspace_group_of(tenant)]  # fmt: skip

    pairs = zip(made(site.here), made(site.there), strict=True)
    return ", ".join(ours for ours, theirs in pairs if ours == theirs)


def sessions(site: Site) -> str:
    """A session that was made for another tenant opens nothing, its row copied or not."""
    from django.contrib.sessions.backends.db import SessionStore

    with entered(site.there):  # a copy of one that is signed in, since a guard ends what it refuses
        copied = SessionStore()
        copied.update(SessionStore(site.world.sessions[CHARLIE.email]).load())
        copied[SESSION_TENANT] = str(site.here.id)
        copied.create()
    who = by_session(str(copied.session_key))
    status = sent("GET", "/settings/members/", CHARLIE.host, who).status
    return "" if status == 302 else f"a session of another tenant is answered {status}"


def origins(site: Site) -> str:
    """A sibling's page opens no socket."""
    who, ids = by_session(site.world.sessions[ALICE.email]), site.world.own
    sibling = _opened(ids["conversation_id"], ALICE.host, who, f"http://{CHARLIE.host}")
    return "a sibling's page opened a socket" if sibling is True else ""


def lost_tasks(site: Site) -> str:
    """A task whose tenant is gone does not run."""
    ran.clear()
    with suppress(Reject):
        probe_task.task(str(uuid4()), "x")
    return "a task of no tenant has run" if ran else ""


def credentials(site: Site) -> str:
    """A tenant's vended credentials reach no other prefix."""
    awsattempts.raw.cache_clear()
    s3 = awsattempts.raw("s3", site.there.region, site.here)
    tries = awsattempts._on_objects(s3, site.here, site.there)
    found = [what for (what, call), _ in zip(tries, range(2), strict=False)
             if not awsattempts.denied(call)]  # fmt: skip
    awsattempts.raw.cache_clear()
    return ", ".join(found)


def knowledge(site: Site) -> str:
    """A Knowledge Base that answers with another's chunk is not believed."""
    result = {"metadata": {"tenantId": str(site.there.id)}, "score": 0.9,
              "location": {"customDocumentLocation": {"id": str(uuid4())}}}  # fmt: skip
    found = bedrock.knowledge._own_results(site.here, KnowledgeBase(name="probe"), [result])
    return "another tenant's chunk passed" if found else ""


def colleagues(site: Site) -> str:
    """A conversation is its owner's."""
    path = f"/api/v1/conversations/{site.world.colleagues['conversation_id']}/"
    status = sent("GET", path, ALICE.host, by_key(ALICE.key)).status
    return "" if status == 404 else f"a colleague's conversation is answered {status}"


def roles(site: Site) -> str:
    """A viewer changes nothing that admins do."""
    status = sent("PATCH", "/api/v1/safety/", ALICE.host, by_key(BOB.key), {"words": []}).status
    return "" if status == 403 else f"a viewer's change is answered {status}"


def forwarded(site: Site) -> str:
    """A forwarded host is not believed."""
    status = sent("GET", "/api/v1/usage/", ALICE.host, by_key(CHARLIE.key),
                  more={"X-Forwarded-Host": CHARLIE.host}).status  # fmt: skip
    return "" if status == 401 else f"a key of the forwarded host is answered {status}"


def cookies(site: Site) -> str:
    """A session's cookie is its host's alone, out of scripts' reach."""
    client = stranger(ALICE.host)
    client.post("/sign-in/", {"email": ALICE.email, "password": PASSWORD})
    morsel = client.cookies[settings.SESSION_COOKIE_NAME]
    kept = not morsel["domain"] and morsel["httponly"] and morsel["samesite"] == "Lax"
    return "" if kept else f"the cookie is {morsel.OutputString()}"


def returned(site: Site) -> str:
    """A connection goes back to its pool without role and path."""
    with entered(site.there):
        _emails()
    connection.close()
    with connection.pool.connection() as raw:
        role = raw.execute("SELECT current_user").fetchone()[0]
    return "" if role == connection.settings_dict["USER"] else f"the pool kept {role}"


def regions(site: Site) -> str:
    """A call that names another Region's resource is not sent."""
    with entered(site.here):
        try:
            client("s3").list_objects_v2(Bucket=f"{settings.AWS_BUCKET_PREFIX}-eu-central-1")
        except OutsideRegion:
            return ""
        except Exception as error:
            return f"the call was sent, and {type(error).__name__}"
    return "the call was sent"


def resets(site: Site) -> str:
    """A reset link of one user of one tenant fits nobody else."""
    from django.contrib.auth.tokens import default_token_generator

    token = site.world.theirs["token"]
    with entered(site.here):
        fits = default_token_generator.check_token(user_of(ALICE), token)
    return "another's reset token fits" if fits else ""


EVERY: tuple[Probe, ...] = (
    hops, residue, cache_keys, collections, dispatched, savepoints, poolers, maintenance, tables,
    rows, names, sessions, origins, lost_tasks, credentials, knowledge, colleagues, roles,
    forwarded, cookies, returned, regions, resets,
)  # fmt: skip
