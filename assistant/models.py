"""Conversations, their messages, and the turns that make answers."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone


class Conversation(models.Model):
    """One user's conversation. Its messages form a tree: siblings are versions of one answer."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    title = models.CharField(max_length=120, blank=True)
    turns = models.PositiveIntegerField(default=0)  # counts up; frames are numbered from it
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["-updated_at", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["owner", "-updated_at"], name="conversation_recent"),
        ]

    def __str__(self) -> str:
        return self.title or "New conversation"


class MessageRole(models.TextChoices):
    USER = "user", "User"
    ASSISTANT = "assistant", "Assistant"


class MessageStatus(models.TextChoices):
    STREAMING = "streaming", "Being written"
    COMPLETE = "complete", "Complete"
    STOPPED = "stopped", "Stopped"
    INTERRUPTED = "interrupted", "Interrupted"
    WITHDRAWN = "withdrawn", "Withdrawn"
    FAILED = "failed", "Failed"


class Message(models.Model):
    """What was said. An answer's `citations` and `usage` have the shapes of the REST contract."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages"
    )
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="children")
    position = models.PositiveIntegerField()  # in the conversation; clocks do not order messages
    role = models.CharField(max_length=10, choices=MessageRole)
    status = models.CharField(max_length=12, choices=MessageStatus, default=MessageStatus.COMPLETE)
    text = models.TextField(blank=True)
    citations = models.JSONField(default=list)
    grounded = models.CharField(max_length=6, blank=True)  # full, partly, none; "" without passages
    stop_reason = models.CharField(max_length=40, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error = models.TextField(blank=True)
    usage = models.JSONField(default=dict)
    request_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["conversation", "position"], name="message_position"),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.text[:40]}"


class Turn(models.Model):
    """One answer being made, by one web process that holds the lease.

    A turn outlives its socket. A process that dies loses the lease, and the turn is then marked
    interrupted with what had arrived.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    answer = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="turn")
    number = models.PositiveIntegerField()  # within the conversation, from 1
    running = models.BooleanField(default=True)
    lease_until = models.DateTimeField()
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["conversation"],
                condition=models.Q(running=True),
                name="turn_one_running",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["lease_until"], condition=models.Q(running=True), name="turn_lease"
            ),
        ]

    def __str__(self) -> str:
        return f"turn {self.number} of {self.conversation_id}"
