"""Conversations, their messages, and the turns that make answers."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


class Conversation(models.Model):
    """One user's conversation. Its messages form a tree: siblings are versions of one answer."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    title = models.CharField(max_length=120, blank=True)
    turns = models.PositiveIntegerField(default=0)  # counts up; frames are numbered from it
    leaf = models.UUIDField(
        null=True
    )  # the last message of the branch that is shown, on any device
    pinned_at = models.DateTimeField(null=True)
    shared_at = models.DateTimeField(null=True)  # since when the whole workspace may read it
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["-updated_at", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["owner", "-updated_at"], name="conversation_recent"),
            models.Index(
                fields=["-shared_at"],
                condition=models.Q(shared_at__isnull=False),
                name="conversation_shared",
            ),
        ]

    def __str__(self) -> str:
        return self.title or _("New conversation")


class MessageRole(models.TextChoices):
    USER = "user", gettext_lazy("User")
    ASSISTANT = "assistant", gettext_lazy("Assistant")


class MessageStatus(models.TextChoices):
    STREAMING = "streaming", gettext_lazy("Being written")
    COMPLETE = "complete", gettext_lazy("Complete")
    STOPPED = "stopped", gettext_lazy("Stopped")
    INTERRUPTED = "interrupted", gettext_lazy("Interrupted")
    WITHDRAWN = "withdrawn", gettext_lazy("Withdrawn")
    FAILED = "failed", gettext_lazy("Failed")


class Rating(models.TextChoices):
    UP = "up", gettext_lazy("Good")
    DOWN = "down", gettext_lazy("Not good")


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
    # Of a question: the files that came with it, `id`, `name`, `media_type` and `size` of each.
    attached = models.JSONField(default=list, db_default=[])
    citations = models.JSONField(default=list)
    grounded = models.CharField(max_length=6, blank=True)  # full, partly, none; "" without passages
    stop_reason = models.CharField(max_length=40, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error = models.TextField(blank=True)
    steps = models.JSONField(default=list)  # what tools did for an answer: name, status, line
    rating = models.CharField(max_length=4, choices=Rating, blank=True)  # its user's, of an answer
    rating_reason = models.TextField(blank=True)
    summary = models.TextField(blank=True)  # of all that stands before it on its branch, and of it
    follow_ups = models.JSONField(default=list)  # questions that an answer leads to
    # Of an answer: pairs of a cited sentence and one of another document with other figures.
    conflicts = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    usage = models.JSONField(default=dict)
    # Of a question that is a decision: about what; its answer tells what came of it.
    decided = models.ForeignKey("Action", on_delete=models.SET_NULL, null=True, related_name="+")
    request_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["conversation", "position"], name="message_position"),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.text[:40]}"


class ActionState(models.TextChoices):
    WAITING = "waiting", gettext_lazy("Waits for you")
    APPROVED = "approved", gettext_lazy("Confirmed")
    DECLINED = "declined", gettext_lazy("Declined")
    DONE = "done", gettext_lazy("Done")
    FAILED = "failed", gettext_lazy("Not done")


class Action(models.Model):
    """A change that the assistant proposed and the conversation's owner decides about, once.

    `summary` is what the person read; `arguments` are what is done, nothing else. `tool_use` is the
    model's own request, which goes back to it with the result. An approved one whose process died
    stays approved: it is never done a second time.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="actions")
    answer = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="actions")
    name = models.CharField(max_length=60)
    summary = models.TextField()
    arguments = models.JSONField(default=dict)
    tool_use = models.JSONField(default=dict)  # id, name, input
    state = models.CharField(max_length=10, choices=ActionState, default=ActionState.WAITING)
    result = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["created_at", "id"]

    def __str__(self) -> str:
        return self.summary


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


class Origin(models.TextChoices):
    GIVEN = "given", gettext_lazy("What was given")
    WRITTEN = "written", gettext_lazy("Written")
    RESTORED = "restored", gettext_lazy("Restored")


class WrittenText(models.Model):
    """A text that Write made for a user: theirs alone, in versions."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    task = models.CharField(max_length=12)
    title = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["-updated_at", "-id"]
        indexes: ClassVar = [models.Index(fields=["owner", "-updated_at"], name="text_recent")]

    def __str__(self) -> str:
        return self.title


class TextVersion(models.Model):
    """One state of a text; none is ever changed. `citations` as REST has them."""

    id = models.BigAutoField(primary_key=True)
    text = models.ForeignKey(WrittenText, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()  # from 1
    content = models.TextField()
    citations = models.JSONField(default=list)
    origin = models.CharField(max_length=10, choices=Origin)
    request_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["text", "number"], name="text_version_once")
        ]

    def __str__(self) -> str:
        return f"version {self.number} of {self.text_id}"
