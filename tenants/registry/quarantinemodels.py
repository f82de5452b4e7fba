"""Documents that were set aside, for staff: that they are, never what stands in them."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class QuarantinedDocument(models.Model):
    """A document whose reading hit a limit of the sandbox, or killed it. `name` is sealed."""

    class State(models.TextChoices):
        OPEN = "open", "Set aside"
        RELEASED = "released", "Read again"
        DELETED = "deleted", "Deleted"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    document_id = models.UUIDField()
    name = models.TextField()
    code = models.CharField(max_length=60)
    media_type = models.CharField(max_length=120)
    size = models.BigIntegerField(help_text="Bytes.")
    at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-at"]
        indexes: ClassVar = [
            models.Index(fields=["state", "-at"], name="quarantine_by_state"),
            models.Index(fields=["tenant_id", "document_id"], name="quarantine_of_document"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id", "document_id"],
                condition=models.Q(state="open"),
                name="one_quarantine_a_document",
            )
        ]

    def __str__(self) -> str:
        return f"{self.document_id}: {self.code}"
