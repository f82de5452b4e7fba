"""A task for a worker to kill: `celery -A config.celery worker -I tests.support.killable`."""

import threading

from tenants.tasks import tenant_task


@tenant_task(name="tests.never_ends", time_limit=1)
def never_ends(thing_id: str, *, word: str = "") -> None:
    """Wait for what does not come."""
    threading.Event().wait()
