"""Sending mail from tasks: again while the mail server is away, and to nobody twice."""

from collections.abc import Sequence
from typing import Any, Final

import structlog
from django.core.mail import EmailMessage

log = structlog.get_logger(__name__)

MAILS: Final[dict[str, Any]] = {
    "autoretry_for": (OSError,), "retry_backoff": 30, "retry_backoff_max": 1800,
    "retry_jitter": False, "max_retries": 8,
}  # fmt: skip
"""Options of a task that sends mail: a mail server that is away is tried for an hour and a half.

smtplib's errors are OSErrors. The waits are 30 s, 60 s and so on, half an hour at the longest.
"""


def mails_send(mails: Sequence[EmailMessage]) -> None:
    """Send mails about one thing to several people.

    One that is refused keeps no other back. Raises OSError where none could be sent: the task then
    tries again, and nobody gets the same mail twice.
    """
    refused: list[OSError] = []
    for mail in mails:
        try:
            mail.send()
        except OSError as error:
            log.warning("mail.not_sent", error=type(error).__name__)
            refused.append(error)
    if refused and len(refused) == len(mails):
        raise refused[-1]
