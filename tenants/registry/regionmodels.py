"""A workspace's moves to other Regions."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class RegionMove(models.Model):
    """A move of a workspace to another Region, as far as it has come.

    `begun_at` is when it began: until then nothing was done. `prepared`: the target has what calls
    need; `copied` is the key up to which, in S3's order, every object was read back there. `back`:
    it is being given up. `asked_by` is empty where the command began it.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Moving"
        STOPPED = "stopped", "Stopped"
        REFUSED = "refused", "Refused"
        DONE = "done", "Moved"
        GIVEN_UP = "given_up", "Given up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    origin = models.CharField(max_length=20)
    target = models.CharField(max_length=20)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    back = models.BooleanField(default=False)
    step = models.TextField(blank=True, help_text="What was done last.")
    error = models.TextField(blank=True)
    prepared = models.BooleanField(default=False)
    copied = models.TextField(blank=True)
    asked_by = models.UUIDField(null=True)
    asked_at = models.DateTimeField(db_default=Now())
    begun_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-asked_at"]
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "-asked_at"], name="region_moves_newest")
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id"],
                name="one_region_move_at_a_time",
                condition=models.Q(state__in=["waiting", "running", "stopped"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.origin} to {self.target}: {self.get_state_display()}"
