"""Forget sessions that have ended by themselves, and answers that were kept for a day."""

from typing import Any, Final

from celery import shared_task

from tenants.accounts.idempotency import answers_forget
from tenants.signin.sessions import sessions_tidy
from tenants.tasks import in_each_tenant


@shared_task(name="signin.tidy")
def signin_tidy() -> None:
    """Remove what is left of ended sessions, and old answers, in every workspace."""
    in_each_tenant(_tidy, failed="signin.tidy_failed")


def _tidy() -> None:
    sessions_tidy()
    answers_forget()


BEAT: Final[dict[str, dict[str, Any]]] = {
    "signin.tidy": {"task": "signin.tidy", "schedule": 86400.0, "options": {"expires": 3600}},
}
