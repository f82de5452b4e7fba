"""The harness proven: faults that the product could have are planted, and a probe must find each.

Each plant patches the product from outside for the length of a block: there is no switch in it. The
numbers are those of the pitfalls that systems like this one are known for; the rest are our own.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.cache import caches
from django.db import connection, transaction
from psycopg import sql

import assistant.access
import bedrock.knowledge
import search.views
import tenants.accounts.permissions
import tenants.backend.base
import tenants.backend.sessions
import tenants.context
import tenants.lifecycle.standing
import tenants.middleware
import tenants.redis
import tenants.sockets
import tenants.tasks
from assistant.models import Conversation
from search.models import Collection
from tenants.backend.base import DatabaseWrapper
from tenants.context import current_or_none, entered, public_scope
from tests.isolation import probes
from tests.isolation.probes import Probe, Site
from tests.isolation.score import Score
from tests.isolation.sqlattempts import superuser
from tests.isolation.switchedoff import aws_off, connected, guards_off, regions_off
from tests.isolation.world import World
from tests.support.services import Worker

Plant = Callable[[Site], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A defect, how it is planted, and the probe that must find it."""

    name: str
    plant: Plant
    probe: Probe


def run(worker: Worker, world: World) -> tuple[int, int]:
    """Return how many faults were planted and how many were caught."""
    score = caught(worker, world)
    return score.tried, score.refused


def caught(worker: Worker, world: World) -> Score:
    """Plant each fault and let its probe look; what goes unseen stands in `through`."""
    site = probes.site_of(worker, world)
    score = Score()
    for fault in FAULTS:
        with fault.plant(site):
            try:
                found = fault.probe(site)
            except Exception as error:  # broken loudly is found too
                found = f"{type(error).__name__}: {error}"
        score.count(bool(found), fault.name)
    return score


def cries(worker: Worker, world: World) -> list[str]:
    """Return what the probes find while nothing is planted: nothing, or they prove nothing."""
    site = probes.site_of(worker, world)
    found = [(probe.__name__, probe(site)) for probe in probes.EVERY]
    return [f"{name}: {said}" for name, said in found if said]


def _patched(*patches: Any) -> AbstractContextManager[None]:
    @contextmanager
    def planted() -> Iterator[None]:
        with ExitStack() as stack:
            for each in patches:
                stack.enter_context(each)
            yield

    return planted()


@contextmanager
def two_hops(_: Site) -> Iterator[None]:
    """The tenant is set in one hop of a shared thread, and asked for in another."""
    with ThreadPoolExecutor(1) as shared, guards_off():

        async def apart(tenant: Any, work: Any, *args: Any) -> Any:
            def enter() -> None:
                connection.set_tenant(tenants.context._Scope(tenant.schema, tenant.schema, tenant))

            loop = asyncio.get_running_loop()
            await loop.run_in_executor(shared, enter)
            return await loop.run_in_executor(shared, work, *args)

        with patch.object(tenants.context, "in_tenant", apart):
            try:
                yield
            finally:
                shared.submit(lambda: connection.close()).result()


@contextmanager
def never_left(_: Site) -> Iterator[None]:
    """Leaving a tenant leaves the connection where it was, and no guard compares."""
    stand = DatabaseWrapper.set_tenant

    def stays(self: Any, tenant: Any, include_public: bool = True) -> None:
        if getattr(tenant, "schema_name", "public") != "public":
            stand(self, tenant, include_public)

    with guards_off(), patch.object(DatabaseWrapper, "set_tenant", stays):
        yield


@contextmanager
def one_cache(_: Site) -> Iterator[None]:
    with patch.object(caches["default"], "key_func", lambda key, prefix, _v: f"{prefix}:{key}"):
        yield


@contextmanager
def kept_list(site: Site) -> Iterator[None]:
    """A list that was read for one tenant is kept for the next."""
    with entered(site.there):
        kept = Collection.objects.all()
        list(kept)
    with patch.object(search.views, "collection_list", lambda _actor: kept):
        yield


@contextmanager
def bound_late(_: Site) -> Iterator[None]:
    """The tenant of a task is read when the transaction has committed."""

    def late(self: Any, _seconds: float, *args: Any, **kwargs: Any) -> None:
        def send() -> None:
            tenant = current_or_none()
            whom = str(tenant.id) if tenant else "public"
            self.task.apply_async(args=(whom, *args), kwargs=kwargs)

        transaction.on_commit(send)

    with patch.object(tenants.tasks.TenantTask, "dispatch_in", late):
        yield


def not_forgotten(_: Site) -> AbstractContextManager[None]:
    """A savepoint's rollback moves the session, and the record of it stays."""
    stock = DatabaseWrapper.__mro__[1].savepoint_rollback
    return _patched(
        patch.object(DatabaseWrapper, "savepoint_rollback", lambda self, sid: stock(self, sid))
    )


def any_pooler(_: Site) -> AbstractContextManager[None]:
    return _patched(patch.object(tenants.backend.sessions, "sessions_kept", lambda: True))


class _Everything(set[str]):
    def __contains__(self, _: object) -> bool:
        return True


def any_schema(_: Site) -> AbstractContextManager[None]:
    """A tenant behind the code is served, with `public`'s tables for those it lacks."""
    return _patched(patch.object(tenants.lifecycle.standing, "_at_head", _Everything()))


@contextmanager
def _granted(site: Site, on: str, off: str) -> Iterator[None]:
    names = {"here": sql.Identifier(site.here.schema), "there": sql.Identifier(site.there.schema)}
    with superuser(site.worker) as admin:
        admin.execute(sql.SQL(on).format(**names))
        admin.commit()
        try:
            yield
        finally:
            admin.execute(sql.SQL(off).format(**names))
            admin.commit()


def wide_role(site: Site) -> AbstractContextManager[None]:
    on = "GRANT USAGE ON SCHEMA {there} TO {here}; GRANT SELECT ON {there}.search_chunk TO {here}"
    off = "REVOKE ALL ON {there}.search_chunk FROM {here}; REVOKE ALL ON SCHEMA {there} FROM {here}"
    return _granted(site, on, off)


def no_row_security(site: Site) -> AbstractContextManager[None]:
    table = "ALTER TABLE public.billing_ledgerentry {} ROW LEVEL SECURITY"
    return _granted(site, table.replace("{}", "DISABLE"), table.replace("{}", "ENABLE"))


def view_of_the_owner(site: Site) -> AbstractContextManager[None]:
    """A view that tenants may read runs with its owner's rights, whom no policy filters."""
    view = "ALTER VIEW public.billing_ledgerline SET (security_invoker = {}); "
    right = "{} SELECT ON public.billing_ledgerline {} tenant"
    on = view.replace("{}", "off") + right.format("GRANT", "TO")
    return _granted(site, on, view.replace("{}", "on") + right.format("REVOKE", "FROM"))


def bare_names(_: Site) -> AbstractContextManager[None]:
    return _patched(
        patch.object(tenants.redis, "tenant_key", lambda *parts: ":".join(map(str, parts))),
        patch.object(tenants.sockets, "group_of", lambda _tenant, user_id: f"user.{user_id}"),
    )


def any_session(_: Site) -> AbstractContextManager[None]:
    def unchecked(self: Any, request: Any) -> Any:
        return self.get_response(request)

    return _patched(patch.object(tenants.middleware.SessionTenantMiddleware, "__call__", unchecked))


def siblings(_: Site) -> AbstractContextManager[None]:
    """Origins are compared with the whole site, as `.example.com` in a list would."""
    admit = tenants.sockets.TenantSocketMiddleware.__call__

    async def lax(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        headers = dict(scope["headers"])
        if headers.get(b"origin", b"").endswith(f".{settings.BASE_HOST}".encode()):
            headers[b"origin"] = b"http://" + headers[b"host"]
        await admit(self, {**scope, "headers": list(headers.items())}, receive, send)

    return _patched(patch.object(tenants.sockets.TenantSocketMiddleware, "__call__", lax))


def in_public(_: Site) -> AbstractContextManager[None]:
    """A task whose tenant is gone runs in `public`."""

    def runs(self: Any, _tenant_id: str, *args: Any) -> Any:
        with public_scope("app_public"):
            return self.run(*args)

    return _patched(patch.object(type(probes.probe_task.task), "__call__", runs))


def untagged(_: Site) -> AbstractContextManager[None]:
    return _patched(aws_off())


def believed(_: Site) -> AbstractContextManager[None]:
    def all_of_them(_tenant: Any, _base: Any, results: Any) -> Any:
        return [bedrock.knowledge.Found(UUID(each["location"]["customDocumentLocation"]["id"]), 1.0)
                for each in results]  # fmt: skip

    return _patched(patch.object(bedrock.knowledge, "_own_results", all_of_them))


def everyones(_: Site) -> AbstractContextManager[None]:
    every: Any = lambda _actor: Conversation.objects.all()  # noqa: E731
    return _patched(patch.object(assistant.access, "conversations_visible", every))


def any_role(_: Site) -> AbstractContextManager[None]:
    reach: Any = lambda _role, _needed: True  # noqa: E731
    return _patched(patch.object(tenants.accounts.permissions, "role_reaches", reach))


def a_setting(name: str, value: Any) -> Plant:
    return lambda _: _patched(patch.object(settings, name, value))


def no_reset(_: Site) -> AbstractContextManager[None]:
    pool = {"min_size": 1, "max_size": 1, "timeout": 5}
    as_it_is: Any = lambda _raw: None  # noqa: E731
    return _patched(
        connected(OPTIONS={"pool": pool}),
        patch.object(tenants.backend.base, "reset_standing", as_it_is),
    )


def no_regions(_: Site) -> AbstractContextManager[None]:
    return _patched(regions_off())


def any_token(_: Site) -> AbstractContextManager[None]:
    fits: Any = lambda _self, user, token: bool(user and token)  # noqa: E731
    return _patched(patch.object(PasswordResetTokenGenerator, "check_token", fits))


FAULTS: Final = (
    Fault("1 a tenant set in one hop, asked for in another", two_hops, probes.hops),
    Fault("2 residue of the tenant before", never_left, probes.residue),
    Fault("3 cache keys without a tenant", one_cache, probes.cache_keys),
    Fault("4 a list that outlives its tenant", kept_list, probes.collections),
    Fault("5 a task bound after the commit", bound_late, probes.dispatched),
    Fault("6 a savepoint's rollback not noticed", not_forgotten, probes.savepoints),
    Fault("7 a pooler in transaction mode", any_pooler, probes.poolers),
    Fault("8 a half-migrated schema served", any_schema, probes.maintenance),
    Fault("9 a role that reaches another schema", wide_role, probes.tables),
    Fault("9 a public table without row-level security", no_row_security, probes.rows),
    Fault("9 a view with its owner's rights", view_of_the_owner, probes.rows),
    Fault("10 keys and groups without a tenant", bare_names, probes.names),
    Fault("11 a session of another tenant accepted", any_session, probes.sessions),
    Fault("11 a cookie for all subdomains",
          a_setting("SESSION_COOKIE_DOMAIN", f".{settings.BASE_HOST}"), probes.cookies),
    Fault("14 a sibling's page opens sockets", siblings, probes.origins),
    Fault("18 a task without a tenant runs", in_public, probes.lost_tasks),
    Fault("credentials without a tenant's tags", untagged, probes.credentials),
    Fault("a Knowledge Base's results unchecked", believed, probes.knowledge),
    Fault("colleagues' conversations readable", everyones, probes.colleagues),
    Fault("roles not asked for", any_role, probes.roles),
    Fault("a forwarded host believed", a_setting("USE_X_FORWARDED_HOST", True), probes.forwarded),
    Fault("a pool that takes connections back as they are", no_reset, probes.returned),
    Fault("no Region guard", no_regions, probes.regions),
    Fault("a reset token that fits anybody", any_token, probes.resets),
)  # fmt: skip
