"""The seam: the one place that says which tenant code runs for.

A tenant is resolved once, server-side (host and session, API key, or a task's first argument), into
a frozen `TenantContext`. Everything else asks `current()`, which raises `NoTenant` rather than
guess. The database connection follows: entering a tenant makes the next cursor take that tenant's
role and search path, and `statement_guard` refuses a statement whose connection stands elsewhere.

A context variable travels into threads, a database connection does not. Code in another thread
therefore enters the seam there: `in_tenant` from coroutines, `entered` in threads and tasks.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, ParamSpec, TypeVar, cast
from uuid import UUID

from django.db import connection

from tenants.errors import NoTenant, WrongTenant

P = ParamSpec("P")
R = TypeVar("R")

PublicRole = Literal["app_public", "staff", "ops", "owner"]

# Transaction control touches no rows, and Django sends it outside any scope (test transactions).
UNGUARDED: Final = re.compile(r'(?:SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT) "\w+"')


@dataclass(frozen=True, slots=True)
class TenantContext:
    """What the rest of the product may know of the tenant it runs for.

    `schema` names both the PostgreSQL schema and the NOLOGIN role that owns rights on it alone.
    """

    id: UUID
    slug: str
    name: str
    schema: str
    plan: str
    posture: str
    region: str
    retrieval: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user in the browser, a user's API key, or the product itself (`user_id` None).

    `allowance_usd` is what the key may cost a month; None is no limit. `staff_id` is a member of
    staff who takes the user's place; `writes` is false where they may only look.
    """

    user_id: UUID | None
    role: str
    kind: Literal["session", "api_key", "task"]
    api_key_id: UUID | None = None
    allowance_usd: Decimal | None = None
    staff_id: UUID | None = None
    writes: bool = True


SYSTEM: Final = Actor(user_id=None, role="owner", kind="task")


@dataclass(frozen=True, slots=True)
class _Scope:
    schema_name: str
    role: str
    tenant: TenantContext | None


_scope: ContextVar[_Scope | None] = ContextVar("tenantry_scope", default=None)

# Threads for ORM work from coroutines. Bounded: each holds a pooled connection only while it runs.
_threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="in-tenant")


def current() -> TenantContext:
    """Return the entered tenant.

    Raises NoTenant: there is no default tenant, ever.
    """
    scope = _scope.get()
    if scope is None or scope.tenant is None:
        raise NoTenant
    return scope.tenant


def in_staff_scope() -> bool:
    """Return whether code runs for the operator's staff, outside every tenant."""
    scope = _scope.get()
    return scope is not None and scope.tenant is None and scope.role == "staff"


def current_or_none() -> TenantContext | None:
    """Return the entered tenant for log lines and the like, where none is no defect."""
    scope = _scope.get()
    return scope.tenant if scope else None


@contextmanager
def _standing(scope: _Scope) -> Iterator[None]:
    token = _scope.set(scope)
    standing = cast(Any, connection)  # our backend's, which adds the tenant
    before = standing.tenant
    standing.set_tenant(scope)
    try:
        yield
    finally:
        standing.set_tenant(before)
        _scope.reset(token)


@contextmanager
def entered(tenant: TenantContext) -> Iterator[TenantContext]:
    """Run the block for `tenant`, in this thread."""
    with _standing(_Scope(tenant.schema, tenant.schema, tenant)):
        yield tenant


@contextmanager
def public_scope(role: PublicRole) -> Iterator[None]:
    """Run the block in `public`, outside every tenant.

    The one way to cross tenants; `role` says with what right. `app_public` looks hosts up, `staff`
    serves the Django admin; `ops` and `owner` are the logins of sweepers and of provisioning.
    """
    with _standing(_Scope("public", role, None)):
        yield


async def in_tenant(
    tenant: TenantContext, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs
) -> R:
    """Run synchronous `work` for `tenant` in a worker thread: enter, query and leave in one hop.

    Setting the tenant in one hop and querying in another is how tenants get each other's rows
    (hops share a thread, and so a connection), so there is no way to do it separately.
    """

    def run() -> R:
        try:
            with entered(tenant):
                return work(*args, **kwargs)
        finally:
            connection.close()

    # A copy per call: two calls from one coroutine must not share a context object.
    ctx = copy_context()
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: ctx.run(run))


async def in_public(role: PublicRole, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run synchronous `work` in `public` in a worker thread, in one hop (see `public_scope`)."""

    def run() -> R:
        try:
            with public_scope(role):
                return work(*args, **kwargs)
        finally:
            connection.close()

    ctx = copy_context()
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: ctx.run(run))


def statement_guard(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Refuse a statement outside any scope, or whose connection stands in another one.

    Installed on every connection by the database backend, except under the owner's login, where
    django-tenants' migration commands move the connection themselves.
    """
    scope = _scope.get()
    if scope is None:
        if isinstance(sql, str) and UNGUARDED.fullmatch(sql):
            return execute(sql, params, many, context)
        raise NoTenant("A database statement ran outside any tenant; enter one first.")
    standing = context["connection"]
    if standing.schema_name != scope.schema_name or standing.role != scope.role:
        raise WrongTenant(
            f"The connection stands in {standing.schema_name} as {standing.role},"
            f" the scope is {scope.schema_name} as {scope.role}."
        )
    standing.take_standing()  # a cursor may be older than the scope
    return execute(sql, params, many, context)
