"""Forget sessions that have ended by themselves."""

from typing import Any, Final

from celery import shared_task

from tenants.signin.sessions import sessions_tidy
from tenants.tasks import in_each_tenant


@shared_task(name="signin.tidy")
def signin_tidy() -> None:
    """Remove what is left of ended sessions in every workspace."""
    in_each_tenant(sessions_tidy, failed="signin.tidy_failed")


BEAT: Final[dict[str, dict[str, Any]]] = {
    "signin.tidy": {"task": "signin.tidy", "schedule": 86400.0, "options": {"expires": 3600}},
}
