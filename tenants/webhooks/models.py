"""Where a workspace wants its events sent, what was sent, and what became of it."""

import uuid
from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class Endpoint(models.Model):
    """An address of the workspace's own. `secret` is sealed (`tenants/secretbox.py`)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    url = models.CharField(max_length=2000)
    description = models.CharField(max_length=120, blank=True)
    events = models.JSONField(default=list, help_text="Types of events; empty: all of them.")
    secret = models.TextField()
    old_secret = models.TextField(blank=True)
    old_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    failing_since = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)
    disabled_why = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return self.url

    @property
    def why_told(self) -> str:
        """Why it is switched off, in the reader's language; rows keep it in English."""
        return gettext(self.disabled_why) if self.disabled_why else ""

    @property
    def enabled(self) -> bool:
        return self.disabled_at is None

    @property
    def rotating(self) -> bool:
        """Whether messages are still signed with the secret before, too."""
        return self.old_until is not None and self.old_until > timezone.now()

    def wants(self, event_type: str) -> bool:
        return not self.events or event_type in self.events


class Delivery(models.Model):
    """One event for one endpoint. Its id is the `webhook-id`, the same at every attempt."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    event_type = models.CharField(max_length=60)
    body = models.TextField(help_text="The JSON as it is sent and signed.")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0, help_text="Since it was last asked for.")
    log = models.JSONField(default=list, help_text="The latest attempts: when, status, ms, error.")
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(state="waiting"),
                name="webhook_deliveries_due",
            ),
            models.Index(fields=["endpoint", "-created_at"], name="webhook_deliveries_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.id}"

    @property
    def message_id(self) -> str:
        return f"msg_{self.id.hex}"
