"""What the isolation self-test found of a workspace."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class IsolationCheck(models.Model):
    """One run: canaries in the workspace, and attempts to reach them from another one.

    `lines` hold layer, attempt, outcome and held; `encryption` is what the object store says of
    the canary at rest.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    at = models.DateTimeField(db_default=Now())
    passed = models.BooleanField()
    lines = models.JSONField(default=list)
    encryption = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering: ClassVar = ["-at"]
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "-at"], name="isolation_checks_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}: {'passed' if self.passed else 'failed'}"
