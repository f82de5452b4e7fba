"""Work that goes on beside a request, in a thread, so that the request can tell of it meanwhile."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import structlog
from django.db import connection
from django.utils import translation

from tenants.context import TenantContext, entered
from tenants.ended import ended

MOST: Final = 64  # at once in one process; a plan's concurrent streams bound each tenant

log = structlog.get_logger(__name__)
_threads = ThreadPoolExecutor(max_workers=MOST, thread_name_prefix="aside")


def begin_aside(work: Callable[..., None], *args: Any) -> None:
    """Start work in a thread, in the language of whoever asked for it."""
    language = translation.get_language()

    def spoken() -> None:
        with translation.override(language):
            work(*args)

    _threads.submit(spoken)


def work_aside(tenant: TenantContext, work: Callable[[], Any]) -> None:
    """Run `work` for the tenant in one of those threads; what it raises is only logged."""

    def run() -> None:
        try:
            with entered(tenant):
                work()
        except Exception as error:
            if not ended(error, tenant):
                log.exception("work.failed")
        finally:
            connection.close()

    begin_aside(run)
