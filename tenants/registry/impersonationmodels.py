"""Visits of staff to a workspace, as one of its members."""

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class Impersonation(models.Model):
    """One visit: who of staff, as whom, why, how long; over at `ended_at` or `expires_at`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    user_id = models.UUIDField(help_text="The member whose place staff take.")
    staff_id = models.UUIDField(db_index=True)
    address = models.EmailField(
        db_default="", default="", help_text="That member's, as staff gave it."
    )
    reason = models.CharField(max_length=500)
    writes = models.BooleanField(default=False, help_text="The workspace lets staff change things.")
    second = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Who visits has shown a second factor of their own.",
    )
    started_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "visit of staff"
        verbose_name_plural = "visits of staff"
        ordering: ClassVar = ["-started_at"]
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "-started_at"], name="visits_of_tenant")
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"

    @property
    def over_at(self) -> datetime:
        """When it ended, or ends by itself."""
        return min(self.ended_at or self.expires_at, self.expires_at)

    @property
    def goes_on(self) -> bool:
        return self.over_at > timezone.now()
