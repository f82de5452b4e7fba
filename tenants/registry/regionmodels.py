"""A workspace's moves to other Regions."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class RegionMove(models.Model):
    """A move of a workspace to another Region, as far as it has come.

    `begun_at` is when it began: until then nothing was done. `prepared`: the target has what calls
    need; `copied` is the key up to which, in S3's order, this round has come, with so many objects
    and bytes passed, of a `total` as it began. Round 0 copies and reads back; those that follow
    compare, until one has `changed` nothing. `deleted` of `leaving` objects and earlier
    versions are gone from the Region that is emptied. `back`: it is being given up. `asked_by` is
    empty where the command began it.
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
    round = models.PositiveSmallIntegerField(default=0, db_default=0)
    changed = models.BooleanField(default=False, db_default=False)
    objects_passed = models.PositiveBigIntegerField(default=0, db_default=0)
    bytes_passed = models.PositiveBigIntegerField(default=0, db_default=0)
    total = models.PositiveBigIntegerField(null=True)
    leaving = models.PositiveBigIntegerField(null=True)
    deleted = models.PositiveBigIntegerField(default=0, db_default=0)
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
