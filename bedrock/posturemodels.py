"""A workspace that asks for a looser posture than its admins may choose, and what staff said."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class PostureRequest(models.Model):
    """One request, from asking to being in force; staff approve or refuse, never the tenant."""

    class State(models.TextChoices):
        ASKED = "asked", _("Waiting for staff")
        APPROVED = "approved", _("Approved")
        APPLIED = "applied", _("In force")
        REFUSED = "refused", _("Refused")
        WITHDRAWN = "withdrawn", _("Taken back")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    before = models.CharField(max_length=20)
    posture = models.CharField(max_length=20)
    reason = models.TextField()
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    asked_by = models.UUIDField(null=True)
    asked_at = models.DateTimeField(db_default=Now())
    decided_by = models.UUIDField(null=True, help_text="Of the operator's staff.")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-asked_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id"],
                condition=models.Q(state__in=["asked", "approved"]),
                name="one_open_posture_request",
            )
        ]

    def __str__(self) -> str:
        return f"{self.before} to {self.posture}: {self.get_state_display()}"
