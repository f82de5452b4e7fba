"""Tasks that failed for good, for staff."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class DeadTask(models.Model):
    """A task that no attempt is left of. The same failure again counts on the same open row.

    `arguments` holds ids and numbers as they are and every other value sealed, so that what a task
    was given can be sent again and not read here; once it is decided on, what was sealed goes.
    `error` is a code or a class, never a message.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        RETRIED = "retried", "Tried again"
        DISCARDED = "discarded", "Discarded"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField(null=True)
    task = models.CharField(max_length=100)
    queue = models.CharField(max_length=40)
    arguments = models.JSONField(default=dict)
    error = models.CharField(max_length=100)
    attempts = models.PositiveIntegerField()
    times = models.PositiveIntegerField(default=1, db_default=1)
    fingerprint = models.CharField(max_length=64)
    first_at = models.DateTimeField(db_default=Now())
    at = models.DateTimeField(db_default=Now(), db_index=True)
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    decided_by = models.UUIDField(null=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-at"]
        indexes: ClassVar = [
            models.Index(fields=["state", "-at"], name="dead_tasks_by_state"),
            models.Index(fields=["tenant_id", "-at"], name="dead_tasks_of_tenant"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["fingerprint"],
                condition=models.Q(state="open"),
                name="one_open_row_a_failure",
            )
        ]

    def __str__(self) -> str:
        return self.task
