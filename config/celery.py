"""Celery: queues `default` (tenants' work), `provisioning` (owner's login), `ops` (ops login)."""

import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_after_setup, setup_logging, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
# Django's checks load all pages, which a worker serves none of: thirty megabytes.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

from config import telemetry as telemetry  # its signals count and trace tasks
from config.env import environment
from config.logging import logging_config
from config.memory import memory_return, memory_share

# Longer than any task's time limit: a message is given to another worker after this many seconds.
VISIBILITY = 900
TASK_LIMIT = 600

app = Celery("tenantry", broker=environment().redis_url)
app.conf.update(
    task_default_queue="default",
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=TASK_LIMIT,
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=1,
    worker_soft_shutdown_timeout=5,
    worker_hijack_root_logger=False,
    worker_max_tasks_per_child=500,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": VISIBILITY,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "global_keyprefix": "celery:",
        "socket_timeout": 20,
    },
    timezone="UTC",
)
app.autodiscover_tasks()


@setup_logging.connect
def _logging(**_: Any) -> None:
    logging_config()


@worker_init.connect
def _sessions(**_: Any) -> None:
    from tenants.backend.sessions import sessions_require

    sessions_require()


@celeryd_after_setup.connect
def _memory(**_: Any) -> None:
    """The last moment before the worker's processes are forked."""
    memory_return()
    memory_share()


@app.on_after_finalize.connect
def _schedule(sender: Celery, **_: Any) -> None:
    """Collect each app's `BEAT`: {name: {task, schedule, options}}."""
    import importlib

    from django.apps import apps

    for config in apps.get_app_configs():
        try:
            tasks = importlib.import_module(f"{config.name}.tasks")
        except ModuleNotFoundError as error:
            if error.name != f"{config.name}.tasks":
                raise
            continue
        sender.conf.beat_schedule.update(getattr(tasks, "BEAT", {}))
