"""How a workspace has its assistant: name, instructions, language, models, features."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class AssistantSettings(models.Model):
    """One version; the newest is in force, none: the product's own.

    A change is a new row, so that who changed what can be read, and an old version set again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    version = models.PositiveIntegerField()
    name = models.CharField(max_length=40, blank=True)
    instructions = models.TextField(blank=True)
    language = models.CharField(max_length=10, blank=True)
    frontier = models.BooleanField(default=True, help_text="The frontier model may serve.")
    off = models.JSONField(default=list, help_text="Features that are switched off.")
    changed_by = models.UUIDField(null=True)
    changed_at = models.DateTimeField(db_default=Now())
    restored_from = models.PositiveIntegerField(null=True)

    class Meta:
        ordering: ClassVar = ["tenant_id", "-version"]
        verbose_name_plural = "assistant settings"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id", "version"], name="one_version_of_assistant_settings"
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.version}"
