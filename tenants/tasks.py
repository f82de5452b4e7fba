"""Background tasks that carry their tenant.

    @tenant_task(name="documents.ingest")
    def document_ingest(document_id: str) -> None: ...

    document_ingest.dispatch(str(document.id))  # inside a tenant; sent on commit

On the wire the tenant's id is the first argument. The worker looks the tenant up as it is now, in
`public`; a deleted or suspended tenant's task is rejected and its body never runs. (Libraries that
set the schema in Celery's `task_prerun` signal run such a task in `public`: signal errors do not
stop a task.) Arguments are ids only: rows are loaded inside the tenant.
"""

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar
from uuid import UUID

import structlog
from celery import Task, shared_task
from celery.exceptions import Ignore, Reject, Retry
from django.db import connection, transaction

from tenants.context import current, entered
from tenants.ended import ended
from tenants.errors import TenantUnavailable, UnderMaintenance
from tenants.lifecycle.standing import schema_require
from tenants.logging import bound
from tenants.registry.selectors import active_tenants, tenant_by_id

P = ParamSpec("P")
R = TypeVar("R")
log = structlog.get_logger(__name__)


class TenantTaskBase(Task):
    """Celery's side: acknowledge late, look the tenant up, enter it, run."""

    abstract = True
    carries_tenant = True  # as its first argument
    typing = False  # the wire carries the tenant id before the arguments of the body
    acks_late = True
    reject_on_worker_lost = True
    Request = "tenants.killed:TellingRequest"

    def __call__(self, tenant_id: str, *args: Any, **kwargs: Any) -> Any:
        try:
            tenant = tenant_by_id(UUID(tenant_id))
        except (TenantUnavailable, ValueError, TypeError, AttributeError) as exc:
            log.warning("task.refused", task=self.name, tenant_id=tenant_id)
            raise Reject("the tenant is not available", requeue=False) from exc
        with entered(tenant), bound(request_id=self.request.id, task=self.name):
            try:
                schema_require()
            except UnderMaintenance as error:  # the work is not lost: it comes again
                raise self.retry(exc=error, countdown=30, max_retries=None) from error
            try:
                return self.run(*args, **kwargs)
            except (Reject, Retry, Ignore):
                raise
            except Exception as error:  # once more would find what is gone no more than now
                if ended(error) is None:
                    raise
                raise Reject("the tenant has ended", requeue=False) from error


class TenantTask(Generic[P, R]):
    """The product's side of a task: dispatch it for the entered tenant, or run its body here."""

    def __init__(self, work: Callable[P, R], task: Any) -> None:
        self.work = work
        self.task = task

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the body here and now, in the entered tenant."""
        return self.work(*args, **kwargs)

    def dispatch(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Send the task for the entered tenant once the transaction has committed.

        The tenant is bound now: an on-commit callback runs after the scope may have been left.
        """
        self.dispatch_in(0, *args, **kwargs)

    def dispatch_in(self, seconds: float, *args: P.args, **kwargs: P.kwargs) -> None:
        """Like `dispatch`, to run `seconds` later at the earliest."""
        tenant_id = str(current().id)

        def send() -> None:
            self.task.apply_async(args=(tenant_id, *args), kwargs=kwargs, countdown=seconds or None)

        if connection.in_atomic_block:
            # Robust: what is committed stays, so a broker that is away is logged, not raised; what
            # must not be lost is found again by its app's own recovery.
            transaction.on_commit(send, robust=True)
        else:
            send()


def tenant_task(*, name: str, **options: Any) -> Callable[[Callable[P, R]], TenantTask[P, R]]:
    """Declare a task of the entered tenant (see the module's docstring).

    `options` are Celery's: `max_retries`, `time_limit`…
    """

    def declare(work: Callable[P, R]) -> TenantTask[P, R]:
        declared: Any = shared_task(name=name, base=TenantTaskBase, **options)
        task = declared(work)
        return TenantTask(work, task)

    return declare


def in_each_tenant(work: Callable[[], Any], *, failed: str) -> None:
    """Do `work` in every active tenant, one after another; for tasks that look after all of them.

    One tenant's trouble must not keep the others waiting: it is logged as the event `failed`.
    """
    for tenant in active_tenants():
        try:
            with entered(tenant):
                work()
        except Exception as error:
            if ended(error, tenant):
                continue
            log.error(failed, tenant=tenant.slug, exc_info=error)
            connection.close()
